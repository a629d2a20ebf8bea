"""Trainings in which rare classes count as much as frequent ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from stopped import stop_in

from colliculus.losses import CrossEntropy
from colliculus.methods import LateFusion
from colliculus.runs.experiment import TrainSettings
from colliculus.training.callbacks import Callback
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.training.learner import Learner
from colliculus.types import ColliculusError


@pytest.fixture
def unequal():
    """Twenty samples of one class and four of the other, in each part."""

    def data(rare=4):
        draw = torch.Generator().manual_seed(0)
        labels = [0] * 20 + [1] * rare
        samples = [({"x": torch.randn(2, 1, 8, 8, generator=draw) + k}, k) for k in labels]
        return {"train": samples, "validation": samples, "test": samples}

    return data


def test_the_weights_are_those_of_the_training_part_and_with_refit_of_both(tiny, unequal):
    seen = []

    class All(Callback):
        def on_start(self, training):
            seen.append((training.stage, training.learner.objective.terms["task"].class_weights))

    data = unequal()
    data["validation"] = data["validation"][10:]
    fit(tiny(class_weights="balanced", refit=True, epochs=1), data, callbacks=[All()], progress=False)
    assert [stage for stage, _ in seen] == ["selection", "refit"]
    assert seen[0][1] == pytest.approx((24 / 40, 24 / 8))
    assert seen[1][1] == pytest.approx((38 / 60, 38 / 16))


def test_an_epoch_has_as_many_of_every_class(tiny, unequal, monkeypatch):
    seen, step = [], Learner.batches

    def watched(self, split, epoch):
        for batch in step(self, split, epoch):
            seen.append((epoch, batch.labels))
            yield batch

    monkeypatch.setattr(Learner, "batches", watched)
    fit(tiny(sampling="balanced", epochs=3), unequal(), progress=False)
    for epoch in (1, 2):  # spike health looks at a batch of the first
        labels = torch.cat([labels for one, labels in seen if one == epoch])
        counts = torch.bincount(labels)
        assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("setting", ["class_weights", "sampling"])
def test_one_and_two_epochs_equal_three(tiny, unequal, digits, tmp_path, monkeypatch, setting):
    experiment = tiny(**{setting: "balanced"})
    fit(experiment, unequal(), tmp_path / "whole", progress=False)
    stop_in(monkeypatch, 1)
    with pytest.raises(TrainingInterrupted):
        fit(experiment, unequal(), tmp_path / "halves", progress=False)
    fit(experiment, unequal(), tmp_path / "halves", resume=True, progress=False)
    assert digits(tmp_path / "whole") == digits(tmp_path / "halves")


def test_balance_twice_is_refused():
    with pytest.raises(ColliculusError, match="both balanced, which would count rare classes twice: choose one of"):
        TrainSettings(class_weights="balanced", sampling="balanced")


def test_an_objective_of_ones_own_that_weighs_nothing_is_refused(tiny, unequal):
    def objective(output, labels):
        return {"task": CrossEntropy(0.0)(output, labels)}

    class Own(LateFusion):
        def objective(self):
            return objective

    experiment = replace(tiny(class_weights="balanced"), method=Own(dim=8, encoder="shallow", time_steps=2))
    with pytest.raises(ColliculusError, match="objective of the method is a function and weighs no classes: return an"):
        fit(experiment, unequal(), progress=False)
