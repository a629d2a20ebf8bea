from __future__ import annotations

import os
from pathlib import Path

import dying_decoder
import numpy as np
import pytest
from dying_decoder import DyingDecoder
from ray_nodes import two_nodes

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.on_ray import _decoded, results_on_ray
from colliculus.corpus.prepare.rows import RowFile
from colliculus.corpus.prepare.workers import results_of
from colliculus.corpus.prepare.workspace import Workspace
from colliculus.corpus.sample import Sample
from colliculus.types import ColliculusError

NAMES = ["a", "crash", "b", "once", "c"]
SAMPLES = [Sample(name=name, label="0", files={"value": f"{name}.txt"}) for name in NAMES]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "numbers").mkdir()
    for number, name in enumerate(NAMES, 1):
        (tmp_path / "numbers" / f"{name}.txt").write_text(str(number))
    return lambda out: workspace(tmp_path, out)


def workspace(folder, out):
    storage = DyingDecoder()
    rows = RowFile(folder / f"{out}.npy", len(NAMES), storage.shape, storage.dtype)
    rows.create()
    return Workspace(folder / "numbers", {"value": storage}, {"value": rows}, "skip")


@pytest.mark.timeout(300)
def test_a_machine_sends_the_row_that_a_process_here_writes(place, tmp_path):
    here = {result.row: result for result in results_of(place("here"), SAMPLES, range(5), jobs=2)}
    written = np.load(tmp_path / "here.npy")
    (tmp_path / "numbers" / "again").unlink()
    there = place("there")
    found = [_decoded(there, row, sample) for row, sample in enumerate(SAMPLES)]
    assert [result for result, _ in found] == [here[row] for row in range(5)]
    assert [content.get("value", bytes(4)) for _, content in found] == [row.tobytes() for row in written]
    assert found[1][0].problem == "crash.txt crashed its decoder (signal 11): leave it out"
    assert not np.load(tmp_path / "there.npy").any()


@pytest.mark.timeout(300)
def test_a_preparation_in_this_process_alone_is_not_one_on_a_cluster(raw, small, tmp_path):
    with pytest.raises(ColliculusError, match="`jobs` is 0, which means this process alone"):
        prepare(small, raw, tmp_path / "out", jobs=0, ray="local")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("default")  # Ray leaves sockets and processes to the garbage collector
def test_two_machines_give_the_same_bytes_as_this_one(raw, small, tmp_path, place, digest_of, monkeypatch):
    paths = (str(Path(dying_decoder.__file__).parent), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    (raw / "cat" / "bad.wav").write_bytes(b"RIFF")
    prepare(small, raw, tmp_path / "here", jobs=0)
    counts = []
    with two_nodes() as cluster:
        asked = {"ray": cluster.address, "progress": lambda *count: counts.append(count)}
        found = prepare(small, raw, tmp_path / "there", **asked)
        work = results_on_ray(place("dying"), SAMPLES, range(5), jobs=2, address=cluster.address)
        problems = {result.row: result.problem for result in work}
    assert digest_of(tmp_path / "there") == digest_of(tmp_path / "here")
    assert found.usable == 12
    assert counts[-1][0] == counts[-1][1] == len(counts) - 1
    assert problems == {0: "", 1: "crash.txt crashed its decoder (signal 11): leave it out", 2: "", 3: "", 4: ""}
    assert np.load(tmp_path / "dying.npy").reshape(-1).tolist() == [1, 0, 3, 4, 5]
