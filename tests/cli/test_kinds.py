"""One list of kinds for every command: what `prepare` reads, `audit`, training and `predict` read as well."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from PIL import Image
from raw_trees import grey, tone, write_video

from colliculus.cli import main

SMALL = (
    ("audio.spectrogram.sample-rate-hz", "8000"),
    ("audio.spectrogram.size", "16", "16"),
    ("visual.size", "16", "16"),
)
TRAINING = [
    *("--method.dim", "8", "--method.time-steps", "2"),
    *("--train.epochs", "1", "--train.warmup-epochs", "0", "--train.device", "cpu"),
]


def flags(prefix):
    return [text for name, *values in SMALL for text in (f"--{prefix}{name}", *values)]


@pytest.fixture
def clips(tmp_path):
    """Two classes of six clips each: camcorders, phones, Macs, browsers."""
    for label, level in (("high", 150), ("low", 40)):
        folder = tmp_path / "clips" / label
        folder.mkdir(parents=True)
        noise = np.random.default_rng(level)
        frames = grey(range(level, level + 10), (48, 64)) + noise.integers(0, 20, (10, 48, 64, 3), np.uint8)
        sound = tone(5 * level, rate_hz=48_000, duration_s=1)
        for name in ("a.mts", "b.3gp", "c.mp4"):
            write_video(folder / name, frames, sound)
        for name, kind in (("d.aif", "AIFF"), ("e.au", "AU"), ("f.aiff", "AIFF")):
            soundfile.write(folder / name, sound, 48_000, format=kind)
            image = Image.fromarray(frames[0])
            image.save(folder / f"{name[0]}.png")
        (folder / "f.png").rename(folder / "f.heic")  # a program renamed it; the content decides
    return tmp_path / "clips"


def test_every_command_reads_the_same_kinds(answer, answer_json, capsys, clips, tmp_path):
    files = sorted(path.relative_to(clips).as_posix() for path in clips.rglob("*.*"))
    sounds = [file for file in files if not file.endswith((".png", ".heic"))]
    images = {file.rpartition(".")[0]: file for file in files if file.endswith((".png", ".heic"))}
    rows = [f"{file.partition('/')[0]},{file},{images.get(file.rpartition('.')[0], file)}" for file in sounds]
    table = clips / "all.csv"
    table.write_text("\n".join(["label,audio,visual", *rows]))
    for data in (clips, table):
        assert main(["audit", str(data), "--jobs", "1", "--json"]) in (0, 1)
        findings = {finding["kind"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
        assert "unreadable" not in findings
    for recipe, raw in (("folder", clips), ("manifest", table)):
        out, _ = answer("prepare", recipe, str(raw), str(tmp_path / recipe), "--jobs", "1", *flags(""))
        assert "usable 12" in out
        assert "problems" not in out
    table.unlink()
    run = tmp_path / "run"
    cache = ("--data.cache", str(tmp_path / "cache"))
    out, err = answer(
        *("train", "late-fusion-folder", "--data.root", str(clips), "--out", str(run)),
        *(*cache, *flags("data.clips."), *TRAINING),
    )
    said = " ".join((out + err).split())
    assert "audio: the spectrogram of each whole clip -> 1 x 16 x 16, static" in said
    assert "visual: 4 frames, evenly spread over each whole clip -> 4 x 3 x 16 x 16, moving" in said
    found = answer_json("predict", str(run), str(clips / "low"), "--device", "cpu")
    assert (len(found["predictions"]), found["unread"], found["skipped"]) == (6, {}, {})
    assert all(prediction["missing"] == [] for prediction in found["predictions"])
