"""What a training on few clips is told, and that it helps to follow."""

from __future__ import annotations

import json
from dataclasses import replace
from shlex import split

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from colliculus.cli import main
from colliculus.data.synthetic import Synthetic
from colliculus.presets import preset
from colliculus.runs.experiment import TrainSettings
from colliculus.runs.run import Run
from colliculus.training.few_clips import advice
from colliculus.training.fit import fit


@pytest.fixture
def told(tiny):
    """The advice for settings of the training, and numbers of clips."""

    def ask(num_train=56, num_validation=8, world_size=1, **train):
        settings = {"batch_size": 32, "epochs": 20, **train}
        data = Synthetic(num_classes=2, num_train=num_train, num_validation=num_validation, num_test=4, size=8, steps=2)
        run = Run.of(replace(tiny(), data=data, train=TrainSettings(**settings)), dataset := data.load())
        return advice(run, dataset, world_size=world_size)

    return ask


def flags_of(sentence):
    return sentence.splitlines()[1].strip()


def test_steps_and_validation_clips_are_counted(told):
    steps, validation = told()
    assert steps == (
        "few clips: 56 training clips in batches of 32 are 2 step(s) an epoch and 40 in all, from which a network"
        " learns little; this takes 1,400:\n  --train.batch-size 4 --train.epochs 100"
    )
    assert validation.startswith(
        "few clips: the validation part has 4 of the class 'disc-tone' and 8 in all, so that one clip moves its"
        " accuracy by 12.5 points; give more"
    )
    assert flags_of(validation) == "--train.select last"


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({}, "--train.batch-size 4 --train.epochs 100"),
        ({"epochs": 300}, "--train.batch-size 4"),
        ({"batch_size": 4, "num_train": 24}, "--train.epochs 100"),
        ({"num_train": 400, "batch_size": 64}, "--train.batch-size 32 --train.epochs 100"),
        ({"num_train": 400, "batch_size": 64, "drop_incomplete": True}, "--train.batch-size 32 --train.epochs 100"),
        ({"world_size": 6}, "--train.batch-size 6 --train.epochs 100"),
    ],
    ids=str,
)
def test_the_flags_suit_the_clips(told, settings, flags):
    assert flags_of(told(**settings)[0]) == flags


@pytest.mark.parametrize(
    "settings",
    [
        {"num_train": 320},
        {"batch_size": 4, "epochs": 100, "num_train": 20},  # followed already
    ],
    ids=str,
)
def test_where_nothing_is_to_be_gained_nothing_is_said(told, settings):
    assert told(**settings, num_validation=20) == ()
    assert len(told(**settings, num_validation=18)) == 1
    assert told(**settings, num_validation=18, select="last") == ()


def test_the_advice_is_printed_at_the_start_and_not_again(tiny, tmp_path, capsys):
    fit(tiny(), out=tmp_path / "run")
    said = capsys.readouterr().out
    assert said.index("few clips: 13 training clips in batches of 8 are 2 step(s)") < said.index("epoch 1/3")
    (tmp_path / "run" / "result.json").unlink()
    fit(tiny(), out=tmp_path / "run", resume=True)
    assert "few clips" not in capsys.readouterr().out


@pytest.fixture
def clips(tmp_path):
    """A newcomer's 80 clips of four classes: tones under noise, and spots in noisy pictures."""
    random = np.random.default_rng(0)
    for k, name in enumerate(("bell", "dog", "rain", "saw")):
        folder = tmp_path / "clips" / name
        folder.mkdir(parents=True)
        for i in range(20):
            tone = np.sin(2 * np.pi * (300 + 400 * k + 40 * random.standard_normal()) * np.arange(8000) / 8000)
            soundfile.write(folder / f"{i}.wav", 0.08 * (tone + random.standard_normal(8000)), 8000)
            picture = random.normal(128, 50, (32, 32, 3))
            y, x = 4 + 16 * (k // 2) + random.integers(0, 6), 4 + 16 * (k % 2) + random.integers(0, 6)
            picture[y : y + 8, x : x + 8] += 70
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.png")
    size = ["--data.clips.audio.spectrogram.size", "32", "32", "--data.clips.visual.size", "32", "32"]
    data = ["--data.root", str(tmp_path / "clips"), "--data.cache", str(tmp_path / "cache"), *size]
    return [*data, "--method.dim", "32", "--train.no-refit", "--train.device", "cpu"]


def train(capsys, out, flags):
    """Train a newcomer's folder; the advice, and the test accuracy."""
    assert main(["train", "s-cmrl-folder", "--out", str(out), *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [f"{line}\n{lines[i + 1]}" for i, line in enumerate(lines) if line.startswith("few clips")]
    return said, json.loads((out / "result.json").read_text())["test"]["accuracy"]


def test_the_proposed_sweep_trains_on_every_fold_with_all_flags(clips, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said, _ = train(capsys, tmp_path / "run", [*clips, "--train.epochs", "1"])
    words = split(flags_of(said[1]))
    behind = words.index("--")
    assert main([*words[1:behind], "--dry-run", *words[behind:]]) == 0
    jobs = [split(line) for line in capsys.readouterr().out.splitlines() if " train " in line]
    assert [job[job.index("--data.fold") + 1] for job in jobs if "--data.fold" in job] == ["1", "2", "3", "4"]
    assert len(jobs) == 5
    for job in jobs:
        assert job[job.index("--train.batch-size") + 1] == "4"
        assert "--train.epochs" not in job  # 100 is the preset's
        assert job[job.index("--data.root") + 1] == str(tmp_path / "clips")


def test_a_split_of_ones_own_is_given_up_for_folds(tiny_data, tmp_path):
    overrides = tiny_data("folder").overrides
    start = preset("late-fusion-folder", **{"data.root": overrides[1], "data.cache": tmp_path / "cache"})
    run = Run.of(start, dataset := start.data.load())
    command = flags_of(advice(run, dataset, world_size=1)[1])
    assert "--data.protocol group-disjoint" in command
    assert command.startswith(
        "colliculus sweep late-fusion-folder --seeds 1 --set data.fold 0,1,2,3,4 --over data.fold"
    )


@pytest.mark.parametrize(("cores", "jobs"), [(None, []), (1, []), (2, ["2"]), (5, ["5"]), (64, ["5"])], ids=str)
def test_the_folds_share_the_cores(tiny_data, tmp_path, monkeypatch, cores, jobs):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    overrides = tiny_data("folder").overrides
    start = preset("late-fusion-folder", **{"data.root": overrides[1], "data.cache": tmp_path / "cache"})
    words = split(flags_of(advice(Run.of(start, dataset := start.data.load()), dataset, world_size=1)[1]))
    assert [words[i + 1] for i, word in enumerate(words) if word == "--jobs"] == jobs
    assert "--jobs" not in words[words.index("--") :]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_who_follows_the_advice_is_no_longer_at_chance(clips, tmp_path, capsys):
    torch.manual_seed(0)
    before = [*clips, "--train.epochs", "20"]
    said, accuracy = train(capsys, tmp_path / "before", before)
    assert accuracy <= 0.5
    followed = [*clips, *split(flags_of(said[0]))]
    said, accuracy = train(capsys, tmp_path / "after", followed)
    assert accuracy >= 0.75
    assert not [sentence for sentence in said if "step(s)" in sentence]
