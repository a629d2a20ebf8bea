from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from colliculus.corpus.audit import audit
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.prepare.verification import VERIFIED_FILE, verify, verify_once
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.data.prepared import Prepared
from colliculus.types import ColliculusError

RECIPE = ManifestRecipe(sounds=(), pictures=(), arrays=("lidar:1x4x4", "radar:1x2x2"))


@pytest.fixture
def raw(tmp_path):
    lines = ["label,lidar,radar,split"]
    for number in range(6):
        np.save(tmp_path / f"l{number}.npy", np.full((1, 4, 4), number, np.float32))
        np.save(tmp_path / f"r{number}.npy", np.full((1, 2, 2), -number, np.float32))
        radar = "" if number == 3 else f"r{number}.npy"
        lines.append(f"{'ab'[number % 2]},l{number}.npy,{radar},{'train' if number < 4 else 'test'}")
    (tmp_path / "all.csv").write_text("\n".join(lines))
    return tmp_path / "all.csv"


@pytest.fixture
def prepared(raw, tmp_path):
    prepare(RECIPE, raw, tmp_path / "out", jobs=0)
    return tmp_path / "out"


def reverse_rows(path, *, keep_time=False):
    before = path.stat()
    np.save(path, np.load(path)[::-1])
    assert path.stat().st_size == before.st_size
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def load(folder):
    return Prepared(root=folder, validation_fraction=0).load()


def test_a_first_load_verifies_and_says_so_and_later_ones_look_at_size_and_time(prepared, capsys):
    load(prepared)
    assert "verifying the arrays" in capsys.readouterr().err
    load(prepared)
    assert capsys.readouterr().err == ""
    reverse_rows(prepared / "radar.npy", keep_time=True)  # neither size nor time tells
    load(prepared)
    os.utime(prepared / "radar.npy")
    with pytest.raises(ColliculusError, match=r"row 0 of the arrays in .*out \(.*\) has changed since it was prepared"):
        load(prepared)


@pytest.mark.parametrize("name", ["lidar.npy", "radar.npy"])
def test_rows_that_changed_are_noticed_by_all_that_verify(prepared, raw, name):
    load(prepared)
    reverse_rows(prepared / name, keep_time=True)
    for check in (
        lambda: audit(prepared),
        lambda: prepare(RECIPE, raw, prepared, jobs=0),
        lambda: verify(read_prepared(prepared)),
    ):
        with pytest.raises(ColliculusError, match="has changed since it was prepared"):
            check()
    audit(prepared, quick=True)


def test_one_flipped_bit_is_noticed_wherever_it_is(prepared):
    content = bytearray((prepared / "lidar.npy").read_bytes())
    content[-1] ^= 1
    (prepared / "lidar.npy").write_bytes(content)
    with pytest.raises(ColliculusError, match="row 5 of the arrays"):
        load(prepared)


def test_a_whole_folder_passes_also_as_a_copy(prepared, raw, tmp_path, capsys):
    audit(prepared)
    assert not (prepared / VERIFIED_FILE).exists()
    assert prepare(RECIPE, raw, prepared, jobs=0).usable == 6
    copy = shutil.copytree(prepared, tmp_path / "copy", copy_function=shutil.copy)
    load(copy)
    assert "verifying" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[]", "{", "", '{"prepare.yaml": 3}'])
def test_a_record_that_is_none_counts_as_absent(prepared, content, capsys):
    (prepared / VERIFIED_FILE).write_text(content)
    verify_once(read_prepared(prepared))
    assert "verifying" in capsys.readouterr().err
