from __future__ import annotations

import csv
import sys
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from colliculus.runs.history import read_metrics
from colliculus.training.callbacks import Callback
from colliculus.training.fit import fit
from colliculus.training.loggers import LOGGERS, StepLog, TensorBoard, WandB, logger
from colliculus.types import ColliculusError

ROW = {"epoch": 1, "learning_rate": 0.1, "train_loss": 0.25, "train_accuracy": 0.5, "validation_accuracy": 0.75}


class Stub:
    """A training of 3 epochs with 2 steps each."""

    num_epochs, num_batches, first_epoch, samples_per_second, stage, is_main = 3, 2, 0, 1234.0, "", True

    def __init__(self, folder):
        self.folder = folder


def record(folder, row, console):
    curves, training = TensorBoard(console), Stub(folder)
    curves.on_start(training)
    curves.on_epoch(training, row)
    curves.on_end(training, None)


def test_every_figure_has_a_curve_where_tensorboard_is_installed(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {"validation_accuracy_audio": 0.5, "train_accuracy_visual": 0.25, "modulation_coefficient_audio": 0.75}
    record(tmp_path, {**ROW, **found}, Console(quiet=True))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    names = ("train/loss", "validation/accuracy_audio", "train/accuracy_visual", "modulation/coefficient_audio")
    assert [(p.step, p.value) for name in names for p in events.Scalars(name)] == [
        (1, 0.25), (1, 0.5), (1, 0.25), (1, 0.75)
    ]  # fmt: skip
    assert {"validation/accuracy", "learning/rate", "samples/per_second"} <= set(events.Tags()["scalars"])


def test_without_tensorboard_nothing_else_is_missed_and_it_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    shown = StringIO()
    record(tmp_path, ROW, Console(file=shown, width=120))
    assert shown.getvalue() == "tensorboard is not installed: the curves are only in metrics.csv\n"
    assert not (tmp_path / "tensorboard").exists()


def test_every_step_has_a_row_and_a_resumed_training_adds_its_own(tiny, tmp_path):
    fit(tiny(epochs=2), out=tmp_path, callbacks=[StepLog()], progress=False)
    with (tmp_path / "steps.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")]
    for row, epoch in zip((rows[1], rows[3]), read_metrics(tmp_path), strict=True):
        assert float(row["loss"]) == pytest.approx(epoch["train_loss"])
        assert float(row["accuracy"]) == pytest.approx(epoch["train_accuracy"])
    log, training = StepLog(), Stub(tmp_path)
    training.first_epoch = 2
    log.on_start(training)
    log.on_end(training, None)
    assert len((tmp_path / "steps.csv").read_text().splitlines()) == 5


def test_steps_that_are_trained_again_are_dropped_and_so_is_a_row_that_is_cut_off(tmp_path):
    header, path = ",".join(StepLog.COLUMNS), tmp_path / "steps.csv"
    whole = [header, "1,1,0.5,0.5,9", "1,2,0.5,0.5,9", "2,1,0.4,0.5,9"]
    for cut in ("2,2,0.4,0.5,9\r\n10,1,0.3,0.5,9\r\n", "1", "1,3,0.4,0."):
        path.write_bytes("\r\n".join([*whole, cut]).encode())
        training = Stub(tmp_path)
        training.first_epoch = 1
        log = StepLog()
        log.on_start(training)
        log.on_end(training, None)
        assert path.read_text().splitlines() == whole[:3]
    path.write_text("")
    log.on_start(training)
    log.on_end(training, None)
    assert path.read_text().splitlines() == [header]


def test_an_interrupted_training_that_goes_on_has_every_step_once(tiny, tmp_path):
    class Stop(Callback):
        def on_step(self, training, step):
            if step.epoch == 2:
                raise KeyboardInterrupt

    fit(tiny(epochs=3), out=tmp_path / "whole", callbacks=[StepLog()], progress=False)
    with pytest.raises(KeyboardInterrupt):
        fit(tiny(epochs=3), out=tmp_path / "cut", callbacks=[StepLog(), Stop()], progress=False)
    fit(tiny(epochs=3), out=tmp_path / "cut", resume=True, callbacks=[StepLog()], progress=False)
    steps = []
    for name in ("whole", "cut"):
        with (tmp_path / name / "steps.csv").open(newline="") as file:
            steps.append([(row["epoch"], row["step"], row["loss"]) for row in csv.DictReader(file)])
    assert len(steps[0]) == 6
    assert steps[0] == steps[1]


class StubOfWandb:
    """What the logger asks of wandb."""

    def __init__(self):
        self.started, self.rows, self.ended = [], [], 0
        self.summary = {}

    def init(self, **settings):
        self.started.append(settings)
        return self

    def log(self, row, step):
        self.rows.append((step, row))

    def finish(self):
        self.ended += 1


def test_weights_and_biases_gets_settings_rows_and_the_result(tiny, tmp_path, monkeypatch):
    stub = StubOfWandb()
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=stub.init))
    trained = fit(tiny(epochs=2), out=tmp_path / "run", callbacks=[WandB(project="mine")], progress=False)
    (started,) = stub.started
    assert (started["project"], started["mode"], started["name"]) == ("mine", "offline", "run")
    assert started["config"]["train.epochs"] == 2
    assert [step for step, _ in stub.rows] == [1, 2]
    assert stub.rows[1][1]["train_loss"] == read_metrics(tmp_path / "run")[1]["train_loss"]
    assert stub.summary == {"test_accuracy": trained.result.test.accuracy}
    assert stub.ended == 1


def test_weights_and_biases_works_offline(tiny, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    fit(tiny(epochs=1), out=tmp_path / "run", callbacks=[WandB()], progress=False)
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))


def test_without_the_package_the_logger_says_what_to_install(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ColliculusError, match=r"pip install 'colliculus\[wandb\]'"):
        fit(tiny(epochs=1), out=tmp_path, callbacks=[WandB()], progress=False)


def test_loggers_have_names():
    assert [type(logger(name)) for name in LOGGERS.own] == [StepLog, WandB]
    with pytest.raises(ColliculusError, match="unknown logger 'wandbb': did you mean 'wandb'"):
        logger("wandbb")
