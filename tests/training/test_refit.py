"""A second training on training and validation part together."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from colliculus.data.joined import together
from colliculus.evaluation.contribution import contribution
from colliculus.evaluation.energy.measure import energy
from colliculus.evaluation.evaluate import evaluate
from colliculus.evaluation.groups import find_runs
from colliculus.evaluation.robustness import robustness
from colliculus.evaluation.trained_run import open_run
from colliculus.runs.history import read_metrics
from colliculus.training.callbacks import Callback
from colliculus.training.checkpoint import begun, read_state
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.training.learner import Learner
from colliculus.types import ColliculusError


def contents(folder: Path) -> tuple[str, bytes]:
    return (folder / "metrics.csv").read_text(), (folder / "model.safetensors").read_bytes()


@pytest.fixture
def everything(digits):
    """Everything of both trainings that two equal refits share."""

    def read(folder: Path) -> list[object]:
        first = folder / "selection"
        return [digits(folder), contents(first), (first / "choice.json").read_text(), _health(first)]

    return read


def _health(folder: Path) -> str:
    return (folder / "spike_health.json").read_text()


def test_the_first_training_is_a_plain_one_and_the_second_one_on_everything(train, tiny, tmp_path):
    result = train(tmp_path / "refit", refit=True)
    plain = train(tmp_path / "plain")
    assert contents(tmp_path / "refit" / "selection") == contents(tmp_path / "plain")
    assert not (tmp_path / "refit" / "selection" / "result.json").exists()  # it never saw the test part
    whole = fit(tiny(), together(tiny().data.load()), tmp_path / "whole", progress=False).result
    assert contents(tmp_path / "refit") == contents(tmp_path / "whole")
    assert contents(tmp_path / "refit") != contents(tmp_path / "plain")
    assert (result.validation, result.test) == (plain.validation, whole.test)
    assert (result.test_before_refit, plain.test_before_refit) == (plain.test, None)
    assert result.coordination == plain.coordination
    assert "test, before the refit" in str(result.table())
    assert evaluate(open_run(tmp_path / "refit", "cpu")).metrics == result.test  # the folder holds the second model
    assert (result.best_epoch, result.fingerprint) == (3, plain.fingerprint)
    assert result.selection == (
        "the last epoch of a second training, on training and validation part, up to that kept in the first: "
        "highest validation accuracy, of equal epochs the last"
    )


@pytest.fixture
def best(monkeypatch):
    """Make the validation accuracy, and the macro-F1, the highest in some epoch, counted from 1."""
    validate = Learner.validate

    def script(**epochs):
        def scripted(self, split):
            found, now = validate(self, split), len(self.history) + 1
            return found | {f"validation_{name}": 0.9 if now == epochs[name] else 0.1 for name in epochs if found}

        monkeypatch.setattr(Learner, "validate", scripted)

    return script


@pytest.mark.parametrize(("select", "epochs"), [("best", 2), ("macro-f1", 3), ("last", 4)])
def test_the_second_training_ends_after_the_epoch_that_the_first_one_kept(
    train, tiny, tmp_path, best, capsys, select, epochs
):
    best(accuracy=2, macro_f1=3)
    result = fit(tiny(epochs=4, refit=True, select=select), out=tmp_path / "refit").result
    fit(tiny(epochs=4), together(tiny().data.load()), tmp_path / "whole", progress=False)
    assert (result.epochs, result.best_epoch) == (epochs, epochs)
    assert f"kept was {epochs}" in str(result.table())
    first, second, whole = (read_metrics(tmp_path / name) for name in ("refit/selection", "refit", "whole"))
    assert (len(first), len(second)) == (4, epochs)
    assert second == whole[:epochs]  # the schedule is that of all four epochs
    assert [row["learning_rate"] for row in second] == [row["learning_rate"] for row in first[:epochs]]
    assert len({row["learning_rate"] for row in second}) == epochs
    kept = load_file(tmp_path / "refit" / "model.safetensors")
    state = read_state(tmp_path / "refit").model
    assert all(torch.equal(value, state[name]) for name, value in kept.items())
    printed = capsys.readouterr().out
    assert f"training and validation parts together, {epochs} of 4 epochs: the first training kept" in printed
    assert f"refit epoch {epochs}/{epochs}" in printed


@contextmanager
def stopped_in(epoch):
    """Within this context Ctrl-C comes as that epoch of the second training begins."""
    train_epoch, seen = Learner.train_epoch, []

    def stopped(self, split, number, watch):
        seen.append(number)
        if seen.count(epoch) == 2:
            raise KeyboardInterrupt
        return train_epoch(self, split, number, watch)

    with pytest.MonkeyPatch.context() as interrupted:
        interrupted.setattr(Learner, "train_epoch", stopped)
        yield


def test_stopped_in_a_second_training_that_ends_early_it_goes_on_to_the_same_digits(train, everything, tmp_path, best):
    best(accuracy=3)
    train(tmp_path / "whole", refit=True, epochs=4)
    with stopped_in(1), pytest.raises(TrainingInterrupted, match="holds 1 of 3 epochs of the training 'refit'"):
        train(tmp_path / "halves", refit=True, epochs=4)
    assert train(tmp_path / "halves", refit=True, epochs=4, resume=True).epochs == 3
    assert everything(tmp_path / "whole") == everything(tmp_path / "halves")


def test_a_refit_with_more_epochs_than_the_first_training_kept_does_not_go_on(train, tmp_path, best):
    best(accuracy=3)
    with stopped_in(2), pytest.raises(TrainingInterrupted, match="holds 2 of 3 epochs of the training 'refit'"):
        train(tmp_path, refit=True, epochs=4)
    choice = tmp_path / "selection" / "choice.json"
    choice.write_text(json.dumps(json.loads(choice.read_text()) | {"epoch": 1}))  # an earlier version trained all
    with pytest.raises(ColliculusError, match=r"holds 2 epochs of a refit .* kept epoch 1, .*another --out"):
        train(tmp_path, refit=True, epochs=4, resume=True)
    assert not (tmp_path / "result.json").exists()


def test_the_test_part_is_seen_by_the_chosen_model_and_by_the_refitted_one(train, tiny, tmp_path, monkeypatch):
    num_test, classify, seen = len(tiny().data.load().test), Learner.classify, []

    def watched(self, split):
        if len(split) == num_test:
            seen.append({name: value.clone() for name, value in self.judged.state_dict().items()})
        return classify(self, split)

    monkeypatch.setattr(Learner, "classify", watched)
    train(tmp_path, refit=True)
    before, after = (load_file(folder / "model.safetensors") for folder in (tmp_path / "selection", tmp_path))
    assert any(not torch.equal(value, after[name]) for name, value in before.items())
    assert len(seen) == 2
    for tested, kept in zip(seen, (before, after), strict=True):
        assert all(torch.equal(tested[name], value) for name, value in kept.items())


@pytest.mark.parametrize(("stage", "told"), [(0, "'selection'"), (1, "'refit'")])
@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.9, "snr_db": {"audio": -5.0}}], ids=str)
def test_stopped_in_either_training_it_goes_on_to_the_same_digits(
    train, everything, tmp_path, monkeypatch, stage, told, settings
):
    train(tmp_path / "whole", refit=True, **settings)
    train_epoch, epochs = Learner.train_epoch, []

    def stopped(self, split, epoch, watch):
        epochs.append(epoch)
        if epochs.count(2) == stage + 1:
            monkeypatch.undo()
            raise KeyboardInterrupt
        return train_epoch(self, split, epoch, watch)

    monkeypatch.setattr(Learner, "train_epoch", stopped)
    with pytest.raises(TrainingInterrupted, match=rf"holds 2 of 3 epochs of the training {told}, add --resume"):
        train(tmp_path / "halves", refit=True, **settings)
    with pytest.raises(ColliculusError, match="is not empty: add --resume"):
        train(tmp_path / "halves", refit=True, **settings)
    assert begun(tmp_path / "halves")  # so that no sweep replaces it
    train(tmp_path / "halves", refit=True, resume=True, **settings)
    assert everything(tmp_path / "whole") == everything(tmp_path / "halves")


def test_whatever_a_kill_leaves_before_any_write_is_done_resumes_to_the_same_digits(
    train, everything, tmp_path, monkeypatch
):
    left, replace = tmp_path / "left", Path.replace

    def photographed(path: Path, target: Path) -> Path:
        """The folder as a kill at this moment leaves it: the new file half written, the old one in its place."""
        copy = left / f"{len(list(left.iterdir())):02d}-{target.parent.name}-{target.name}"
        shutil.copytree(tmp_path / "whole", copy)
        half = copy / path.relative_to(tmp_path / "whole")
        half.write_bytes(half.read_bytes()[: path.stat().st_size // 2])
        return replace(path, target)

    left.mkdir()
    monkeypatch.setattr(Path, "replace", photographed)
    train(tmp_path / "whole", epochs=1, refit=True)
    monkeypatch.undo()
    names = {folder.name[3:] for folder in left.iterdir()}
    assert {"selection-choice.json", "last-model.safetensors", "whole-result.json", "last-state.pt"} <= names
    for folder in sorted(left.iterdir()):
        train(folder, epochs=1, refit=True, resume=True)
        assert everything(folder) == everything(tmp_path / "whole"), folder.name


def test_before_the_first_epoch_it_starts_afresh_and_finished_it_stays(train, everything, tmp_path, monkeypatch):
    def interrupted(*_given):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(Learner, "train_epoch", interrupted)
    with pytest.raises(TrainingInterrupted, match="holds 0 of 3"):
        train(tmp_path / "run", refit=True)
    result = train(tmp_path / "run", refit=True)
    train(tmp_path / "whole", refit=True)
    assert everything(tmp_path / "run") == everything(tmp_path / "whole")
    monkeypatch.setattr(Learner, "train_epoch", pytest.fail)
    assert train(tmp_path / "run", refit=True, resume=True) == result


def test_the_validation_part_of_a_refit_is_measured_by_its_first_training_only(train, tmp_path):
    result = train(tmp_path / "run", refit=True)
    for measure in (evaluate, contribution, robustness, energy):
        with pytest.raises(
            ColliculusError, match=r"trained on its validation part too \(train\.refit\): choose another"
        ):
            measure(tmp_path / "run", split="validation")
    assert evaluate(tmp_path / "run").metrics == result.test
    assert evaluate(tmp_path / "run" / "selection", split="validation").metrics == result.validation
    assert find_runs([tmp_path]) == [tmp_path / "run"]


def test_callbacks_and_lines_tell_the_trainings_apart(tiny, tmp_path, capsys):
    class Told(Callback):
        def __init__(self):
            self.seen = []

        def on_epoch(self, training, row):
            self.seen.append((training.stage, row["epoch"], "validation_accuracy" in row))

        def on_end(self, training, result):
            self.seen.append((training.stage, result is not None))

    told = Told()
    fit(tiny(epochs=1, refit=True), out=tmp_path, callbacks=[told])
    assert told.seen == [("selection", 1, True), ("selection", False), ("refit", 1, False), ("refit", True)]
    printed = capsys.readouterr().out
    assert printed.index("first training (selection)") < printed.index("selection epoch 1/1")
    assert printed.index("second training (refit)") < printed.index("refit epoch 1/1")


def test_a_loaded_dataset_can_be_refitted_and_one_without_validation_trains_once(tiny, train, tmp_path):
    train(tmp_path / "own", refit=True)
    data = tiny().data.load()
    fit(tiny(refit=True), data, tmp_path / "given", progress=False)
    assert contents(tmp_path / "own") == contents(tmp_path / "given")
    once = fit(tiny(refit=True), together(data), tmp_path / "none", progress=False)
    assert once.result.validation is None
    assert not (tmp_path / "none" / "selection").exists()
    assert json.loads((tmp_path / "own" / "result.json").read_text())["decisions"] == []
