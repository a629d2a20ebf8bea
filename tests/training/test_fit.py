from __future__ import annotations

import csv
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from stopped import ctrl_c, stop_in

from colliculus.evaluation.trained_run import open_run
from colliculus.files.lock import is_locked, locked
from colliculus.training import stage
from colliculus.training.checkpoint import State
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.types import ColliculusError


@pytest.fixture
def contents() -> Any:
    """Every file of a folder with what it holds."""
    return lambda folder: {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def sighup() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


def test_the_folder_of_a_finished_run(train, tmp_path):
    result = train(tmp_path / "run")
    names = {path.relative_to(tmp_path / "run").parts[0] for path in (tmp_path / "run").rglob("*")}
    assert names == {
        "run.yaml", "metrics.csv", "model.safetensors", "result.json", "spike_health.json", "last", "tensorboard",
        "predictions.csv", "predictions.json", ".lock",
    }  # fmt: skip
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == result.to_dict()
    assert result.test.total == 5
    assert result.validation.total == 6
    assert result.test.correct == sum(row[k] for k, row in enumerate(result.test.confusion))
    assert {"preset": "tiny", "method": "late-fusion", "dataset": "synthetic", "epochs": 3, "seed": 0}.items() <= (
        result.to_dict().items()
    )


def test_one_row_of_metrics_for_each_epoch_and_the_best_of_them_in_the_result(train, tmp_path):
    result = train(tmp_path)
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert list(rows[0]) == [
        "epoch", "learning_rate", "train_loss", "train_task", "train_accuracy", "train_accuracy_audio",
        "train_accuracy_visual", "grad_norm", "validation_accuracy", "validation_macro_f1", "validation_accuracy_audio",
        "validation_accuracy_visual",
    ]  # fmt: skip
    best = max(float(row["validation_accuracy"]) for row in rows)
    assert result.validation.accuracy == best == float(rows[result.best_epoch - 1]["validation_accuracy"])


def test_training_learns(train, tmp_path):
    train(tmp_path, epochs=20, warmup_epochs=0)
    with (tmp_path / "metrics.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    ("settings", "how"),
    [
        ({}, ctrl_c),
        ({}, sigterm),
        ({}, sighup),
        ({"ema_decay": 0.9, "clip_norm": 0.5}, ctrl_c),
        ({"precision": "bf16"}, sigterm),
        ({"snr_db": {"audio": -5.0}}, ctrl_c),
        ({"optimizer": "sgd"}, sigterm),
        *(
            pytest.param(settings, how, marks=pytest.mark.slow)
            for settings, how in [
                ({"ema_decay": 0.9, "clip_norm": 0.5}, sigterm),
                ({"precision": "bf16"}, ctrl_c),
                ({"snr_db": {"audio": -5.0}}, sigterm),
                ({"optimizer": "sgd"}, ctrl_c),
            ]
        ),
    ],
    ids=lambda value: str(getattr(value, "__name__", value)),
)
def test_a_resumed_run_equals_an_uninterrupted_one_in_every_digit(train, digits, tmp_path, monkeypatch, settings, how):
    settings = {"epochs": 4, **settings}
    train(tmp_path / "whole", **settings)
    stop_in(monkeypatch, 2, how)
    with pytest.raises(TrainingInterrupted, match=r"holds 2 of 4 epochs, add --resume"):
        train(tmp_path / "halves", **settings)
    assert not (tmp_path / "halves" / "result.json").exists()
    torch.rand(7)  # random numbers drawn in between change nothing
    train(tmp_path / "halves", resume=True, **settings)
    assert digits(tmp_path / "whole") == digits(tmp_path / "halves")


def test_another_seed_is_another_run(train, digits, tmp_path):
    train(tmp_path / "a", seed=1)
    train(tmp_path / "b", seed=2)
    assert digits(tmp_path / "a")["metrics"] != digits(tmp_path / "b")["metrics"]


def test_an_interrupt_before_the_first_epoch_leaves_a_folder_that_starts_afresh(train, digits, tmp_path, monkeypatch):
    train(tmp_path / "whole")
    stop_in(monkeypatch, 0, ctrl_c)
    with pytest.raises(TrainingInterrupted, match="holds 0 of 3"):
        train(tmp_path / "run")
    train(tmp_path / "run", resume=True)
    assert digits(tmp_path / "whole") == digits(tmp_path / "run")


def test_an_interrupt_while_an_epoch_is_kept_counts_what_is_kept(train, tmp_path, monkeypatch):
    write_state = stage.write_state

    def interrupted(folder: Path, state: State) -> None:
        if len(state.history) == 2:
            raise KeyboardInterrupt
        write_state(folder, state)

    monkeypatch.setattr(stage, "write_state", interrupted)
    with pytest.raises(TrainingInterrupted, match="holds 1 of 3"):
        train(tmp_path / "run")


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_a_damaged_result_is_measured_again_on_resume(train, tmp_path, text):
    result = train(tmp_path)
    (tmp_path / "result.json").write_text(text)
    again = train(tmp_path, resume=True)
    assert again == result
    assert again.to_dict() == json.loads((tmp_path / "result.json").read_text())


def test_a_lost_model_is_told(train, tmp_path):
    train(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "result.json").unlink()
    with pytest.raises(ColliculusError, match=r"model\.safetensors cannot be read .*train again"):
        train(tmp_path, resume=True)


def test_a_finished_run_is_neither_trained_again_nor_overwritten(train, tmp_path, monkeypatch):
    result = train(tmp_path)
    stop_in(monkeypatch, 0, pytest.fail)
    assert train(tmp_path, resume=True) == result
    with pytest.raises(ColliculusError, match="--resume"):
        train(tmp_path)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("epochs", [0, 2])
def test_a_folder_in_which_another_process_trains_is_left_to_it(
    train, digits, tmp_path, monkeypatch, contents, epochs, resume
):
    train(tmp_path / "whole")
    stop_in(monkeypatch, epochs, ctrl_c)
    with pytest.raises(TrainingInterrupted):
        train(tmp_path / "run")
    before = contents(tmp_path / "run")
    told = "is being trained by another process: wait until it is done"
    with locked(tmp_path / "run", "is held"), pytest.raises(ColliculusError, match=told):
        train(tmp_path / "run", resume=resume)
    assert contents(tmp_path / "run") == before
    train(tmp_path / "run", resume=True)
    assert digits(tmp_path / "run") == digits(tmp_path / "whole")


def test_a_training_has_its_folder_from_before_its_first_write_to_behind_its_last(train, tmp_path, monkeypatch):
    replace, seen = Path.replace, []

    def watched(path: Path, target: Path) -> Path:
        seen.append(is_locked(tmp_path / "run"))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", watched)
    train(tmp_path / "run")
    assert len(seen) > 5
    assert all(seen)
    assert not is_locked(tmp_path / "run")


def test_not_even_a_lock_is_left_in_a_folder_of_other_files(train, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ColliculusError, match="other files than those of a run"):
        train(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_cannot_be_made_is_told(train, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ColliculusError, match=r"run\.yaml cannot be written \(.*choose another folder"):
        train(tmp_path / "file" / "run")


def test_divergence_is_told_in_a_sentence(train, tmp_path):
    with pytest.raises(ColliculusError, match="diverged"):
        train(tmp_path, learning_rate=1e30, warmup_epochs=0)


def test_without_a_terminal_there_is_a_line_for_each_epoch(tiny, tmp_path, capsys):
    folder = tmp_path / "[red]run"
    fit(tiny(epochs=2), out=folder, resume=True)
    printed = capsys.readouterr().out
    assert f"nothing to resume in {folder}: the training starts" in printed
    assert "epoch 1/2  loss" in printed
    assert "epoch 2/2  loss" in printed
    assert "spike health at the start" in printed
    assert "spike health at the end" in printed
    fit(tiny(epochs=2), out=folder, resume=True)
    assert capsys.readouterr().out == f"{folder} is finished: nothing is left to resume\n"


def test_whatever_a_kill_leaves_before_any_write_is_done_resumes_to_the_same_digits(
    train, digits, tmp_path, monkeypatch
):
    left = tmp_path / "left"
    replace = Path.replace

    def photographed(path: Path, target: Path) -> Path:
        """The folder as a kill at this moment leaves it: the new file half written, the old one in its place."""
        copy = left / f"{len(list(left.iterdir())):02d}-{target.name}"
        shutil.copytree(tmp_path / "whole", copy)
        half = copy / path.relative_to(tmp_path / "whole")
        half.write_bytes(half.read_bytes()[: path.stat().st_size // 2])
        return replace(path, target)

    left.mkdir()
    monkeypatch.setattr(Path, "replace", photographed)
    train(tmp_path / "whole", epochs=2)
    monkeypatch.undo()
    kinds = {folder.name[3:] for folder in left.iterdir()}
    assert kinds == {
        "run.yaml", "spike_health.json", "model.safetensors", "state.pt", "metrics.csv", "result.json",
        "predictions.csv", "predictions.json",
    }  # fmt: skip
    for folder in sorted(left.iterdir()):
        train(folder, epochs=2, resume=True)
        assert digits(folder) == digits(tmp_path / "whole"), folder.name


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the killed processes are forks, which this system has not")
@pytest.mark.parametrize("kills", [3, pytest.param(12, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_resumes_to_the_same_digits(train, digits, tmp_path, kills):
    train(tmp_path / "whole", epochs=12)
    command = [sys.executable, Path(__file__).with_name("killed.py"), tmp_path / "killed", tmp_path / "whole"]
    subprocess.run([*command, str(kills)], check=True, timeout=100)
    assert digits(tmp_path / "killed") == digits(tmp_path / "whole")


def test_without_a_folder_the_run_lasts_as_long_as_what_is_returned(tiny):
    trained = fit(tiny(), progress=False)
    folder = trained.folder
    assert trained.result.epochs == 3
    assert trained.model.modalities == ("audio", "visual")
    del trained
    gc.collect()
    assert not folder.exists()


def test_a_failed_training_leaves_no_temporary_folder(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ColliculusError, match="diverged"):
        fit(tiny(learning_rate=1e30, warmup_epochs=0), progress=False)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ColliculusError, match="resume needs the folder"):
        fit(tiny(), resume=True, progress=False)


def test_a_loaded_dataset_is_trained_on_and_recorded_as_given(tiny, train, digits, tmp_path):
    train(tmp_path / "own")
    data = tiny().data.load()
    trained = fit(tiny(), data, tmp_path / "given", device="cpu", progress=False)
    assert trained.data is data
    assert (tmp_path / "own" / "metrics.csv").read_text() == (tmp_path / "given" / "metrics.csv").read_text()
    assert (tmp_path / "own" / "model.safetensors").read_bytes() == (
        tmp_path / "given" / "model.safetensors"
    ).read_bytes()
    assert trained.result.dataset == "given"
    with pytest.raises(ColliculusError, match=r"pass them, as in fit\(experiment, data=\.\.\.\) or load\(path, data="):
        open_run(tmp_path / "given").part("test")
    assert open_run(tmp_path / "given", data=data).part("test") is data.test
