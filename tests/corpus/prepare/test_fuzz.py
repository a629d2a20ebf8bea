"""Damaged files of every format: a sample or a sentence that names the file, never anything else."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile
from PIL import Image
from raw_trees import write_video

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.media.spectrogram import Spectrogram

VIDEOS = (".mp4", ".mkv", ".avi", ".flv", ".webm", ".gif")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
OTHERS = (".png", ".jpg", ".npy", ".npz")
RECIPE = ManifestRecipe(
    arrays=("lidar:1x4x4",),
    audio=Sound(duration_s=0.3, spectrogram=Spectrogram(sample_rate_hz=8000, n_fft=64, hop=40, size=(8, 8))),
    visual=Frames(size=(8, 8), steps=2),
)


def write_whole(path):
    random = np.random.default_rng(0)
    noise = random.uniform(-0.5, 0.5, 2400).astype(np.float32)
    if path.suffix in VIDEOS:
        frames = random.integers(0, 256, (5, 16, 24, 3), dtype=np.uint8)
        write_video(path, frames, None if path.suffix == ".gif" else np.repeat(noise, 10))
    elif path.suffix in SOUNDS:
        soundfile.write(path, noise, 8000)
    elif path.suffix in {".png", ".jpg"}:
        Image.fromarray(random.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save(path)
    else:
        array = random.normal(size=(1, 4, 4)).astype(np.float32)
        np.save(path, array) if path.suffix == ".npy" else np.savez_compressed(path, array=array)


def damaged(content, random, trial):
    """A third of the files are cut, a third have flipped bits anywhere, a third have them where headers are."""
    changed = np.frombuffer(content, dtype=np.uint8).copy()
    if trial % 3 == 0:
        return changed[: random.integers(0, len(changed))].tobytes()
    where = random.integers(0, len(changed) if trial % 3 == 1 else min(300, len(changed)), size=6)
    changed[where] ^= (1 << random.integers(0, 8, size=6)).astype(np.uint8)
    return changed.tobytes()


def columns(suffix):
    """Under which modalities files of a kind stand."""
    if suffix.startswith(".np"):
        return ["lidar"]
    heard = ["audio"] * (suffix in {*VIDEOS, *SOUNDS} - {".gif"})
    return heard + ["visual"] * (suffix not in SOUNDS)


@pytest.mark.parametrize("trials", [12, pytest.param(40, marks=pytest.mark.slow)])  # of each format
def test_damaged_files_are_samples_or_are_named(tmp_path, trials):
    raw = tmp_path / "raw"
    raw.mkdir()
    table = []
    for suffix in (*VIDEOS, *SOUNDS, *OTHERS):
        write_whole(raw / f"whole{suffix}")
        content, random = (raw / f"whole{suffix}").read_bytes(), np.random.default_rng(list(suffix.encode()))
        for trial in range(trials + 1):
            path = raw / f"{trial} {suffix[1:]}{suffix}"
            path.write_bytes(damaged(content, random, trial) if trial else content)
            row = {"name": path.name, "label": "ab"[trial % 2], "audio": "", "visual": "", "lidar": ""}
            table.append(row | dict.fromkeys(columns(suffix), path.name))
    with (raw / "all.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    summary = prepare(RECIPE, raw / "all.csv", tmp_path / "out", jobs=0)
    assert summary.samples == 14 * (trials + 1)
    with (tmp_path / "out" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    arrays = {m: np.load(tmp_path / "out" / f"{m}.npy") for m in RECIPE.storages}
    for number, row in enumerate(rows):
        missing = row["missing"].split()
        left_out = len(missing) == len(arrays)
        assert left_out == bool(row["problem"]), row
        assert not left_out or row["name"] in row["problem"], row
        for modality, array in arrays.items():
            assert np.isfinite(array[number]).all()
            assert modality not in missing or not array[number].any()
    assert not any(row["problem"] for row in rows[:: trials + 1]), "whole files are read"
    assert 0.3 < sum(bool(row["problem"]) for row in rows) / len(rows) < 0.95
    assert str(tmp_path) not in (tmp_path / "out" / "manifest.csv").read_text()
