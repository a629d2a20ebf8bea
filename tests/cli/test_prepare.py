from __future__ import annotations

from shutil import copytree

import numpy as np
import pytest
import yaml
from raw_trees import grey, tone, write_video

from colliculus.corpus.recipes import RECIPES

SMALL = [
    *("--audio.spectrogram.sample-rate-hz", "8000", "--audio.spectrogram.size", "16", "16"),
    *("--audio.duration-s", "0.4", "--visual.size", "16", "16"),
]
TRAINING = [
    *("--method.dim", "16", "--method.heads", "4", "--method.time-steps", "2"),
    *("--train.epochs", "2", "--train.batch-size", "64", "--train.device", "cpu"),  # an epoch is one step
]
CONTAINERS = [".mp4", ".mkv", ".avi", ".flv", ".webm"]


@pytest.fixture(scope="session")
def shared_clips(tmp_path_factory):
    """Two classes of ten short clips with sound, in containers of all kinds, which no test may change."""
    root = tmp_path_factory.mktemp("clips")
    for number in range(20):
        folder = root / ("high", "low")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        level, pitch_hz = (200, 1500) if number % 2 == 0 else (50, 300)
        frames = grey([level + number] * 5, (16, 24))
        sound = tone(pitch_hz + 10 * number, rate_hz=48_000, duration_s=0.5)
        write_video(folder / f"clip {number}{CONTAINERS[number % 5]}", frames, sound)
    return root


@pytest.fixture
def clips(shared_clips, tmp_path):
    """A copy of the clips for one test."""
    return copytree(shared_clips, tmp_path / "my clips")


def test_from_nothing_to_a_prediction(answer, answer_json, clips, tmp_path):
    (clips / "low" / "broken.mp4").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    write_video(clips / "low" / "silent.mp4", grey([50] * 5, (16, 24)))
    data, run = tmp_path / "data", tmp_path / "run"
    out, _ = answer("prepare", "folder", str(clips), str(data), "--jobs", "0", *SMALL)
    assert "samples 22" in out
    assert "usable 20" in out
    assert "visual 4 frames, evenly spread over each whole clip: 4 x 3 x 16 x 16" in out
    assert "audio the spectrogram of the first 0.4 s of each clip: 1 x 16 x 16" in out
    assert "1 x is a git-lfs pointer, not the file itself, such as: low/broken.mp4" in out
    assert "1 x holds no sound, such as: low/silent.mp4" in out
    assert f"colliculus train tectum-prepared --data.root {data} --out RUN" in out
    out, _ = answer("train", "s-cmrl-prepared", "--data.root", str(data), "--out", str(run), *TRAINING)
    assert "Result" in out
    predictions = answer_json("predict", str(run), str(clips / "low" / "clip 1.mkv"), "--device", "cpu")["predictions"]
    assert [prediction["clip"] for prediction in predictions] == ["clip 1"]
    assert set(predictions[0]["probabilities"]) == {"high", "low"}
    silent = answer_json("predict", str(run), str(clips / "low" / "silent.mp4"), "--device", "cpu")["predictions"]
    assert silent[0]["missing"] == ["audio"]
    gone = data.rename(tmp_path / "gone")
    without = answer_json("predict", str(run), str(clips / "low" / "clip 1.mkv"), "--device", "cpu")["predictions"]
    assert without == predictions
    gone.rename(data)
    (run / "run.yaml").write_text((run / "run.yaml").read_text().partition("\nstored:")[0])  # as once written
    earlier = answer_json("predict", str(run), str(clips / "low" / "clip 1.mkv"), "--device", "cpu")["predictions"]
    assert earlier == predictions
    assert "is finished" in answer("train", "s-cmrl-prepared", "--out", str(run), "--resume")[0]
    out, _ = answer("prepare", "folder", str(clips), str(data), "--jobs", "0", *SMALL)
    assert "22 had been prepared before" in out
    _, err = answer("prepare", "folder", str(clips), str(data), "--jobs", "0", *SMALL, "--visual.steps", "2", code=2)
    assert "its recipe.visual.steps is None and not 2" in err


def test_the_summary_tells_what_is_lost_and_how_to_mend_it(answer, clips, tmp_path):
    write_video(clips / "low" / "silent.mp4", grey([50] * 5, (16, 24)))
    write_video(clips / "low" / "long.mp4", grey([50] * 10, (16, 24)), tone(300, rate_hz=48_000, duration_s=1.0))
    (clips / "low" / "notes.txt").touch()
    (clips / "low" / "photo.doc").touch()
    flags = ["--jobs", "0", *SMALL[:5], "--audio.duration-s", "0.8", "--visual.size", "16", "16"]
    for number in range(2):  # the second time nothing is left to do
        out, _ = answer("prepare", "folder", str(clips), str(tmp_path / "skip"), *flags)
        assert "1 of 21 clips are longer than 0.8 s: the rest of their sound is cut" in out, number
        assert "skipped: 1 x .txt (low/notes.txt), 1 x .doc (low/photo.doc)" in out
        assert "`incomplete` keep" in out
    out, _ = answer("prepare", "folder", str(clips), str(tmp_path / "keep"), *flags, "--incomplete", "keep")
    assert "1 x kept without audio" in out
    assert "`incomplete` keep" not in out


def test_flags_reach_the_arrays(answer, clips, tmp_path):
    flags = ["--visual.steps", "3", "--visual.channels", "1", "--audio.kind", "waveform", "--incomplete", "keep"]
    answer("prepare", "folder", str(clips), str(tmp_path / "data"), "--jobs", "1", *SMALL, *flags)
    assert np.load(tmp_path / "data" / "visual.npy").shape == (20, 3, 1, 16, 16)
    assert np.load(tmp_path / "data" / "audio.npy").shape == (20, 3200)
    written = yaml.safe_load((tmp_path / "data" / "prepare.yaml").read_text())
    assert written["recipe"]["visual"]["steps"] == 3
    assert written["incomplete"] == "keep"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["flder", "RAW", "OUT"], "unknown recipe 'flder': did you mean 'folder'?"),
        (["folder", "RAW"], "OUT"),
        (["folder", "GONE", "OUT"], "does not exist"),
        (["folder", "RAW", "RAW/OUT"], "contain one another"),
        (["folder", "RAW", "OUT", "--jobs", "-1"], "`jobs` is -1: use 0 or more processes"),
        (["folder", "RAW", "OUT", "--visual.szie", "8", "8"], "--visual.size"),
        (["--jobs", "2", "folder", "RAW", "OUT"], "colliculus prepare RECIPE RAW OUT"),
        (["manifest", "RAW", "OUT"], "pass the manifest"),
        (["crema-d", "RAW", "OUT"], "AudioWAV"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_reported_and_nothing_is_written(answer, tmp_path, arguments, told):
    for name in ("high", "low"):
        (tmp_path / "RAW" / name).mkdir(parents=True)
        (tmp_path / "RAW" / name / "a.mp4").write_bytes(b"?")
    given = [str(tmp_path / part) if part[:3] in ("RAW", "OUT", "GON") else part for part in arguments]
    out, err = answer("prepare", *given, code=2)
    assert told in out + err
    assert not (tmp_path / "OUT").exists()
    assert {path.name for path in (tmp_path / "RAW").iterdir()} == {"high", "low"}


def test_nothing_usable_is_an_error(answer, tmp_path):
    for name in ("high", "low"):
        (tmp_path / "raw" / name).mkdir(parents=True)
        (tmp_path / "raw" / name / "a.mp4").write_bytes(b"?")
    _, err = answer("prepare", "folder", str(tmp_path / "raw"), str(tmp_path / "out"), "--jobs", "0", code=2)
    assert "none of the 2 samples can be prepared; the first: high/a.mp4 cannot be decoded" in err
    assert not (tmp_path / "out" / "prepare.yaml").exists()


def test_help_names_every_recipe(answer):
    out, _ = answer("prepare", "--help")
    assert all(name in out for name in RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_a_help_of_its_own(answer, name):
    assert "--jobs" in answer("prepare", name, "--help")[0]
