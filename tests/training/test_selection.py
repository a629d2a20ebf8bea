"""Which epoch a training keeps, and trainings without a validation part."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from stopped import stop_in

from colliculus.data.arrays import Arrays
from colliculus.evaluation.comparison import compare
from colliculus.evaluation.evaluate import evaluate
from colliculus.evaluation.inspection import inspect
from colliculus.modulation import Balance
from colliculus.report.report import report
from colliculus.runs.result import read_result
from colliculus.runs.weights import read_tensors
from colliculus.training.checkpoint import read_state
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.training.learner import Learner
from colliculus.types import ColliculusError


def last_weights(folder):
    """True if the kept weights are those after the last epoch."""
    kept, last = read_tensors(folder / "model.safetensors"), read_state(folder).model
    return all(torch.equal(kept[name], value) for name, value in last.items())


SELECTED = {
    "best": (1, "highest validation accuracy, of equal epochs the last"),
    "macro-f1": (2, "highest validation macro-F1, of equal epochs the last"),
    "last": (3, "the last epoch"),
}


@pytest.mark.parametrize("select", SELECTED)
def test_the_setting_decides_which_epoch_is_kept(train, tmp_path, monkeypatch, select):
    (kept, rule), validate, figures = SELECTED[select], Learner.validate, iter([(0.9, 0.2), (0.5, 0.4), (0.3, 0.3)])

    def validated(*given):
        return validate(*given) | dict(zip(("validation_accuracy", "validation_macro_f1"), next(figures), strict=True))

    monkeypatch.setattr(Learner, "validate", validated)
    result = train(tmp_path, select=select, warmup_epochs=0)
    assert (result.best_epoch, result.selection) == (kept, rule)
    assert result.validation.total == 6
    assert last_weights(tmp_path) is (select == "last")
    assert f"3, kept was {kept}" in str(result.table())
    assert result.selection in str(result.table())
    assert f"validation {100 * result.validation.macro_f1:.1f} %, test {100 * result.test.macro_f1:.1f} %" in str(
        result.table()
    )


@pytest.fixture
def unvalidated(tiny, tmp_path):
    """Train on arrays without a validation part; arguments are settings of the training loop."""
    random = np.random.default_rng(0)
    for part, count in (("train", 14), ("test", 4)):
        folder = tmp_path / "data" / part
        folder.mkdir(parents=True)
        labels = np.arange(count) % 2
        np.save(folder / "label.npy", labels)
        np.save(folder / "audio.npy", random.normal(labels[:, None, None, None], 1, (count, 1, 8, 8)))
        np.save(folder / "visual.npy", random.normal(-labels[:, None, None, None], 1, (count, 1, 8, 8)))

    def run(folder, *, balance="none", resume=False, **settings):
        experiment = tiny(**settings)
        method = replace(experiment.method, unimodal_loss=1.0, balance=Balance(kind=balance))
        data = Arrays(root=tmp_path / "data", validation_fraction=0)
        return fit(
            replace(experiment, method=method, data=data), out=tmp_path / folder, resume=resume, progress=False
        ).result

    return run


def test_without_a_validation_part_the_last_epoch_is_kept(unvalidated, tmp_path):
    result = unvalidated("run")
    folder = tmp_path / "run"
    assert (result.validation, result.best_epoch, result.selection) == (None, 3, "the last epoch")
    assert result.test.total == 4
    assert last_weights(folder)
    assert read_result(folder) == result
    assert json.loads((folder / "result.json").read_text())["validation"] is None
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert not [name for name in rows[0] if "validation" in name]
    assert "validation" not in str(result.table()).replace("no validation part", "")


def test_without_a_validation_part_a_run_is_measured_and_reported(unvalidated, tmp_path):
    unvalidated("run")
    unvalidated("other", seed=1)
    folders = [tmp_path / "run", tmp_path / "other"]
    assert evaluate(folders[0]).metrics.total == 4
    with pytest.raises(ColliculusError, match="the data have no validation part: choose another part, such as test"):
        evaluate(folders[0], split="validation")
    assert inspect(folders[0]).health.layers
    pytest.importorskip("scipy")
    assert "late-fusion" in str(compare(folders)) or "tiny" in str(compare(folders))
    pytest.importorskip("matplotlib")
    assert report(folders[0], out=tmp_path / "page.html")


@pytest.mark.parametrize("balance", ["none", "pmr"])
def test_without_a_validation_part_two_and_one_epochs_equal_three(unvalidated, digits, tmp_path, monkeypatch, balance):
    unvalidated("whole", balance=balance)
    stop_in(monkeypatch, 2)
    with pytest.raises(TrainingInterrupted, match="holds 2 of 3 epochs"):
        unvalidated("halves", balance=balance)
    unvalidated("halves", balance=balance, resume=True)
    assert digits(tmp_path / "whole") == digits(tmp_path / "halves")


def test_a_balance_by_validation_needs_one(unvalidated, tmp_path):
    with pytest.raises(ColliculusError, match=r"balance of the method is set by accuracies on a validation part"):
        unvalidated("run", balance="mslr")
    assert not (tmp_path / "run").exists()
