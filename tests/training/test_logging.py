from __future__ import annotations

import csv
from io import StringIO
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from colliculus.runs.experiment import TrainSettings
from colliculus.runs.history import read_metrics, write_metrics
from colliculus.training.callbacks import StepProgress
from colliculus.training.logging import ShownProgress
from colliculus.training.step import EpochSums, StepReport
from colliculus.types import ColliculusError

ROW = {"epoch": 1, "learning_rate": 0.1, "train_loss": 0.25, "train_accuracy": 0.5, "validation_accuracy": 0.75}


class Stub:
    """A training of 3 epochs with 2 steps each."""

    num_epochs, num_batches, first_epoch, samples_per_second, stage = 3, 2, 0, 1234.0, ""

    def __init__(self, folder, compiled="none"):
        self.folder = folder
        self.learner = SimpleNamespace(settings=TrainSettings(compile=compiled))


def test_numbers_come_back_from_the_table_in_every_digit(tmp_path):
    write_metrics(tmp_path, [{"epoch": 1, "train_loss": 0.1 + 0.2}, {"epoch": 2, "train_loss": 1e-300, "late": 1.5}])
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["train_loss"]) == 0.1 + 0.2
    assert [row["late"] for row in rows] == ["", "1.5"]


def test_the_history_is_read_as_it_was_written(tmp_path):
    history = [{"epoch": 1, "train_loss": 0.1 + 0.2}, {"epoch": 2, "train_loss": 1e-300, "late": 1.5}]
    assert read_metrics(tmp_path) == []
    write_metrics(tmp_path, history)
    assert read_metrics(tmp_path) == history


def test_a_damaged_history_is_told(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,train_loss\n1,zero\n")
    with pytest.raises(ColliculusError, match=r"metrics\.csv is damaged"):
        read_metrics(tmp_path)


def test_on_a_terminal_a_bar_shows_accuracy_loss_and_speed(tmp_path):
    shown = StringIO()
    bar, training = ShownProgress(Console(file=shown, force_terminal=True, width=120)), Stub(tmp_path)
    sums = EpochSums()
    sums.add(
        StepReport(
            {k: torch.tensor(v) for k, v in {"samples": 4.0, "correct": 3.0, "task": 2.0}.items()},
            torch.tensor(1.0),
            {},
        )
    )
    bar.on_start(training)
    bar.on_step(training, StepProgress(2, sums, seconds=2.0))
    bar.on_epoch(training, ROW)
    bar.on_end(training, None)
    assert "epoch 2/3" in shown.getvalue()
    assert "accuracy 75.0%  loss 0.500  2 samples/s" in shown.getvalue()
    assert shown.getvalue().count("validation") == 1


def test_elsewhere_an_epoch_is_a_line(tmp_path):
    shown = StringIO()
    lines, training = ShownProgress(Console(file=shown, width=120)), Stub(tmp_path)
    lines.on_start(training)
    lines.on_step(training, StepProgress(1, EpochSums(), seconds=1.0))
    lines.on_epoch(training, ROW)
    lines.on_end(training, None)
    assert shown.getvalue() == "epoch 1/3  loss 0.250  accuracy 50.0%  validation 75.0%  1,234 samples/s  0 s left\n"


def test_the_time_that_is_left_follows_from_the_epochs_so_far(tmp_path, monkeypatch):
    clock = iter([100.0, 100.0, 1300.0])
    monkeypatch.setattr("colliculus.training.logging.monotonic", lambda: next(clock))
    shown = StringIO()
    lines, training = ShownProgress(Console(file=shown, width=120)), Stub(tmp_path)
    training.first_epoch, training.num_epochs = 1, 4
    lines.on_start(training)
    lines.on_epoch(training, {**ROW, "epoch": 3})
    lines.on_epoch(training, {**ROW, "epoch": 4})
    assert shown.getvalue().splitlines()[0].endswith("1,234 samples/s  10 min left")
    assert shown.getvalue().splitlines()[1].endswith("1,234 samples/s")


@pytest.mark.parametrize(
    ("seconds", "compiled", "told"), [(60.0, "none", True), (1.0, "none", False), (60.0, "default", False)]
)
def test_a_first_step_that_takes_long_is_reported_at_once_unless_it_compiled(tmp_path, seconds, compiled, told):
    shown, sums = StringIO(), EpochSums()
    lines, training = ShownProgress(Console(file=shown, width=120)), Stub(tmp_path, compiled)
    for _ in range(2):
        sums.add(StepReport({k: torch.tensor(1.0) for k in ("samples", "correct", "task")}, torch.tensor(1.0), {}))
        lines.on_step(training, StepProgress(1, sums, seconds=seconds))
    expected = "the first step took 60 s: at this pace an epoch takes 2 min and all 3 take 6 min; smaller inputs"
    assert shown.getvalue().count(expected) == told
    assert bool(shown.getvalue()) == told


def test_an_epoch_of_a_refit_names_its_training_and_one_without_validation_says_none(tmp_path):
    shown = StringIO()
    training = Stub(tmp_path)
    training.stage = "refit"
    row = {name: value for name, value in ROW.items() if not name.startswith("validation")}
    ShownProgress(Console(file=shown, width=120)).on_epoch(training, row)
    assert shown.getvalue() == "refit epoch 1/3  loss 0.250  accuracy 50.0%  1,234 samples/s  0 s left\n"
