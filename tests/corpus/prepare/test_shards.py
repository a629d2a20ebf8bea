from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from colliculus.corpus.audit import audit
from colliculus.corpus.prepare import build
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.prepare.shards import RowFiles, ShardedArray, rows_per_file
from colliculus.corpus.prepare.verification import verify
from colliculus.data.prepared import Prepared
from colliculus.report.view import view
from colliculus.types import ColliculusError

TINY_GB = 1100 / 1e9
"""Room for three sounds of 256 bytes with a header, and for four pictures of 192."""


def names(out):
    return sorted(path.name for path in out.iterdir() if path.suffix == ".npy")


@pytest.fixture
def both(raw, small, tmp_path):
    """The same samples in one file for each modality, and in several."""
    prepare(small, raw, tmp_path / "one", jobs=0)
    prepare(small, raw, tmp_path / "many", jobs=0, shard_gb=TINY_GB)
    return tmp_path / "one", tmp_path / "many"


def test_no_file_is_larger_and_together_they_hold_the_same_rows(both):
    one, many = both
    assert names(one) == ["audio.npy", "visual.npy"]
    assert names(many) == [f"{m}.{n:05}.npy" for m in ("audio", "visual") for n in range(4 if m == "audio" else 3)]
    for modality in ("audio", "visual"):
        whole = np.load(one / f"{modality}.npy")
        assert whole.any()
        files = sorted(many.glob(f"{modality}.*.npy"))
        np.testing.assert_array_equal(np.concatenate([np.load(file) for file in files]), whole)
        assert max(file.stat().st_size for file in files) <= TINY_GB * 1e9
        np.testing.assert_array_equal(read_prepared(many).arrays[modality].memory_map()[np.arange(12)], whole)
    assert (one / "manifest.csv").read_bytes() == (many / "manifest.csv").read_bytes()


def test_the_document_says_how_and_what(both):
    one, many = (yaml.safe_load((folder / "prepare.yaml").read_text()) for folder in both)
    assert (one["format"], many["format"]) == (1, 2)  # the first is what earlier versions read
    assert one.keys() == many.keys() - {"shards", "files"}
    assert many["shards"] == {"audio": 3, "visual": 4}
    assert many["files"] == {name: hashlib.sha256((both[1] / name).read_bytes()).hexdigest() for name in names(both[1])}
    assert one["content"] == many["content"]


def test_training_reads_the_same_batches(both):
    one, many = (Prepared(root=folder).load() for folder in both)
    assert one.fingerprint == many.fingerprint
    assert one.normalisation == many.normalisation
    rows = np.array([5, 0, 3, 3])
    for part in ("train", "test"):
        found, expected = (getattr(data, part).batch(rows % len(getattr(data, part)), epoch=0) for data in (many, one))
        assert found.labels.tolist() == expected.labels.tolist()
        for modality in ("audio", "visual"):
            assert expected.inputs[modality].any()
            np.testing.assert_array_equal(found.inputs[modality], expected.inputs[modality])


def test_processes_and_interruptions_give_the_same_bytes(raw, small, tmp_path, digest_of, monkeypatch, both):
    prepare(small, raw, tmp_path / "by two", jobs=2, shard_gb=TINY_GB)
    assert digest_of(tmp_path / "by two") == digest_of(both[1])

    def interrupted(*given, **named):
        for number, result in enumerate(results_of(*given, **named)):
            if number == 5:
                raise KeyboardInterrupt
            yield result

    results_of = build.results_of
    with monkeypatch.context() as patch:
        patch.setattr(build, "results_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(small, raw, tmp_path / "stopped", jobs=0, shard_gb=TINY_GB)
    assert prepare(small, raw, tmp_path / "stopped", jobs=0).kept == 5  # and it keeps the size it was begun with
    assert digest_of(tmp_path / "stopped") == digest_of(both[1])
    assert prepare(small, raw, tmp_path / "stopped", jobs=0).kept == 12


def test_a_repaired_file_is_added(raw, small, tmp_path, add_pair, digest_of):
    good = (raw / "dog" / "7.wav").read_bytes()
    (raw / "dog" / "7.wav").write_bytes(b"RIFF")
    assert prepare(small, raw, tmp_path / "out", jobs=0, shard_gb=TINY_GB).usable == 11
    (raw / "dog" / "7.wav").write_bytes(good)
    assert prepare(small, raw, tmp_path / "out", jobs=0).usable == 12
    prepare(small, raw, tmp_path / "whole", jobs=0, shard_gb=TINY_GB)
    assert digest_of(tmp_path / "out") == digest_of(tmp_path / "whole")


def test_the_page_of_the_data_shows_the_same_pictures(both, tmp_path):
    pages = [Path(view(folder, tmp_path / f"{folder.name}.html", jobs=0).path).read_text() for folder in both]
    pictures = [re.findall(r"data:image/png;base64,[^\"']+", page) for page in pages]
    assert pictures[0] == pictures[1]
    assert len(set(pictures[0])) > 3


def test_damage_is_found(both, tmp_path):
    many = shutil.copytree(both[1], tmp_path / "copy")
    verify(read_prepared(many))
    assert audit(many).samples == 12
    path = many / "visual.00001.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ColliculusError, match=r"row 7 of the arrays .* has changed"):
        verify(read_prepared(many))
    path.unlink()
    with pytest.raises(ColliculusError, match=r"visual\.00001\.npy cannot be read"):
        Prepared(root=many).load()


def test_rows_are_written_and_read_one_by_one(tmp_path):
    files = RowFiles(tmp_path / "value.npy", 7, (2,), np.dtype(np.int16), each=3)
    files.create()
    expected = np.arange(14, dtype=np.int16).reshape(7, 2)
    with files.open() as rows:
        for row in (6, 0, 5, 2, 1, 4, 3):
            rows.write(row, expected[row].tobytes())
        assert [rows.read(row) for row in range(7)] == [row.tobytes() for row in expected]
        rows.clear(4)
    expected[4] = 0
    array = files.memory_map()
    assert isinstance(array, ShardedArray)
    assert (array.shape, array.dtype) == ((7, 2), np.int16)
    chosen = np.array([6, 3, 3, 0])
    np.testing.assert_array_equal(array[chosen], expected[chosen])
    np.testing.assert_array_equal(array[5], expected[5])
    assert array[np.array([], np.int64)].shape == (0, 2)
    with pytest.raises(IndexError):  # though the last part has a row of that number
        ShardedArray([expected[:3], expected[3:6]], 3)[-1]
    for beyond in (7, 9, -1):
        with pytest.raises(IndexError):
            array[beyond]
        with pytest.raises(IndexError):
            array[np.array([0, beyond])]


def test_a_row_that_no_file_may_hold_is_reported():
    with pytest.raises(ColliculusError, match=r"a file of 0\.0001 GB holds no row of 'video', which has 0\.0012 GB"):
        rows_per_file("video", (3, 1000, 400), np.dtype(np.uint8), 0.0001)
