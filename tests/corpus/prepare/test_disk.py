from __future__ import annotations

import csv
import errno
import os
import shutil
import subprocess
from dataclasses import replace

import pytest
import yaml

from colliculus.corpus.prepare import build
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.prepare.storage import Frames
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.types import ColliculusError


def rows(out):
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("calls", [0, 3, 10])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_reported_and_costs_nothing(raw, small, tmp_path, digest_of, monkeypatch, calls, code):
    prepare(small, raw, tmp_path / "whole", jobs=0)
    written = []
    pwrite = os.pwrite

    def fill(handle, content, offset):
        written.append(1)
        if len(written) > calls:
            if len(written) == calls + 1 and len(content) > 8:
                return pwrite(handle, content[:7], offset)  # what a disk does as it fills up
            raise OSError(code, os.strerror(code))
        return pwrite(handle, content, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fill)
        with pytest.raises(ColliculusError, match=r"the disk of .*out is full .*: free some space and run the same"):
            prepare(small, raw, tmp_path / "out", jobs=0)
    assert not (tmp_path / "out" / "prepare.yaml").exists()
    prepare(small, raw, tmp_path / "out", jobs=0)
    assert digest_of(tmp_path / "out") == digest_of(tmp_path / "whole")


def test_too_little_space_is_reported_before_anything_is_decoded(raw, small, tmp_path, monkeypatch):
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**6, 10**6, 1000))
    with pytest.raises(ColliculusError, match=r"needs 0\.00 GB and its disk has 0\.00 GB left"):
        prepare(small, raw, tmp_path / "out", jobs=0)


def test_a_damaged_seal_or_manifest_is_reported(raw, small, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ColliculusError, match="run `colliculus prepare RECIPE RAW"):
        read_prepared(out)
    prepare(small, raw, out, jobs=0)
    manifest, seal = (out / "manifest.csv").read_text(), (out / "prepare.yaml").read_text()
    (out / "manifest.csv").write_text(manifest.replace("dog", "cow"))
    with pytest.raises(ColliculusError, match="do not belong together"):
        read_prepared(out)
    (out / "manifest.csv").write_text(manifest)
    (out / "prepare.yaml").write_text("[")
    with pytest.raises(ColliculusError, match="damaged"):
        read_prepared(out)
    (out / "prepare.yaml").write_text(yaml.safe_dump({**yaml.safe_load(seal), "format": 3}))
    with pytest.raises(ColliculusError, match="has format 3"):
        read_prepared(out)
    (out / "prepare.yaml").write_text(seal)
    (out / "audio.npy").write_bytes((out / "audio.npy").read_bytes()[:-4])
    with pytest.raises(ColliculusError, match=r"audio\.npy cannot be read"):
        prepare(small, raw, out, jobs=0)


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_rows(tmp_path, monkeypatch, count):
    """All but the decoding, which takes each row as long as it does the first."""
    (tmp_path / "raw").mkdir()
    lines = [f"{number},{'ab'[number % 2]},many.npz::{number}" for number in range(count)]
    (tmp_path / "raw" / "many.csv").write_text("\n".join(["name,label,lidar", *lines]))
    recipe = ManifestRecipe(sounds=(), pictures=(), arrays=("lidar:1x2x2",))

    def undecoded(_place, _samples, todo, *, jobs):
        return (PreparationResult(row=row, missing=(), content=f"{row:064x}", sha256={"lidar": "00"}) for row in todo)

    with monkeypatch.context() as patch:
        patch.setattr(build, "results_of", undecoded)
        summary = prepare(recipe, tmp_path / "raw" / "many.csv", tmp_path / "out", jobs=0)
    assert summary.usable == count
    folder = read_prepared(tmp_path / "out")
    assert [(o.row, o.content) for o in folder.results[-2:]] == [(n, f"{n:064x}") for n in (count - 2, count - 1)]
    assert folder.samples[2777].files == {"lidar": "many.npz::2777"}
    assert folder.arrays["lidar"].memory_map().shape == (count, 1, 2, 2)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB, where the machine lets a test have one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("there is no program to mount a disk with")
    command = [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a disk cannot be mounted here")
    yield disk
    subprocess.run([unmount, str(disk)], check=True)


def test_a_disk_that_is_really_full(raw, small, small_disk, tmp_path, digest_of, monkeypatch):
    large = replace(small, visual=Frames(size=(64, 64)))
    with pytest.raises(ColliculusError, match=r"needs 0\.00 GB and its disk has 0\.00 GB left"):
        prepare(large, raw, small_disk / "out", jobs=0)
    usage = shutil.disk_usage(small_disk)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=10**9))
    with pytest.raises(ColliculusError, match=r"out is full \(No space left on device\): free some space"):
        prepare(large, raw, small_disk / "out", jobs=0)
    moved = shutil.copytree(small_disk / "out", tmp_path / "out")
    assert prepare(large, raw, moved, jobs=0).kept > 0
    prepare(large, raw, tmp_path / "whole", jobs=0)
    assert digest_of(moved) == digest_of(tmp_path / "whole")
