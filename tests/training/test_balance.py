"""Every balance in a whole training: it learns, is logged, and resumes to the last digit."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from colliculus.methods import TAAF, FirstTectum, Tectum
from colliculus.modulation import (
    AGM,
    LFM,
    MSLR,
    OGMGE,
    PMR,
    Balance,
    BalanceName,
    GBlending,
    GBlendingSettings,
    LFMSettings,
    MSLRSettings,
)
from colliculus.runs.run import Run
from colliculus.training.checkpoint import read_state
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.training.learner import Learner

KINDS = [kind for kind in get_args(BalanceName) if kind not in ("none", "scores")]


def balance_of(kind):
    """A balance that acts within few epochs."""
    quick = {
        "mslr": Balance(kind="mslr", mslr=MSLRSettings(window=1)),
        "g-blending": Balance(kind="g-blending", g_blending=GBlendingSettings(super_epoch=1)),
        "lfm": Balance(kind="lfm", lfm=LFMSettings(weight=0.5, rate=1.0)),
    }
    return quick.get(kind, Balance(kind=kind))


@pytest.fixture
def balanced(tiny, runtime):
    """Train the small experiment with a balance, in a folder."""

    def run(folder, kind, *, resume=False, epochs=4, **train):
        experiment = tiny(epochs=epochs, warmup_epochs=0, learning_rate=0.1, **train)
        balance = balance_of(kind)
        method = replace(experiment.method, unimodal_loss=1.0, balance=balance)
        return fit(replace(experiment, method=method), out=folder, resume=resume, progress=False).result

    return run


@pytest.fixture
def stop_in_epoch(monkeypatch):
    def stop(epoch):
        train_epoch = Learner.train_epoch

        def stopped(self, split, now, watch):
            if now == epoch:
                monkeypatch.setattr(Learner, "train_epoch", train_epoch)
                raise KeyboardInterrupt
            return train_epoch(self, split, now, watch)

        monkeypatch.setattr(Learner, "train_epoch", stopped)

    return stop


def halves(balanced, stop_in_epoch, folder, kind):
    stop_in_epoch(2)
    with pytest.raises(TrainingInterrupted):
        balanced(folder, kind)
    balanced(folder, kind, resume=True)


@pytest.mark.parametrize("kind", KINDS)
def test_two_and_two_epochs_equal_four_to_the_last_digit(balanced, digits, stop_in_epoch, tmp_path, kind):
    balanced(tmp_path / "whole", kind)
    halves(balanced, stop_in_epoch, tmp_path / "halves", kind)
    assert digits(tmp_path / "whole") == digits(tmp_path / "halves")


@pytest.mark.parametrize(
    ("kind", "modulator"), [("agm", AGM), ("pmr", PMR), ("mslr", MSLR), ("lfm", LFM), ("g-blending", GBlending)]
)
def test_one_that_forgets_would_be_noticed(balanced, digits, stop_in_epoch, tmp_path, monkeypatch, kind, modulator):
    balanced(tmp_path / "whole", kind)
    monkeypatch.setattr(modulator, "restore", lambda self, state: None)
    halves(balanced, stop_in_epoch, tmp_path / "halves", kind)
    assert digits(tmp_path / "whole")["weights"] != digits(tmp_path / "halves")["weights"] or (
        digits(tmp_path / "whole")["metrics"] != digits(tmp_path / "halves")["metrics"]
    )


def test_each_changes_what_is_learned_and_is_logged(balanced, digits, tmp_path):
    balanced(tmp_path / "none", "none")
    plain = digits(tmp_path / "none")["state"]["model"]
    for kind in KINDS:
        balanced(tmp_path / kind, kind)
        assert digits(tmp_path / kind)["state"]["model"] != plain, kind
        check_log(tmp_path / kind / "metrics.csv", kind)


def check_log(path, kind):
    """A column of each modality, with a share or a coefficient in every row."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    own = {
        "pmr": ["weight_{}", "score_{}", "temperature"],
        "mslr": ["rate_{}"],
        "iemf": ["coefficient_fusion"],
        "mm-pareto": ["fused_share_{}"],
        "lfm": ["alignment_weight"],
        "g-blending": ["weight_{}", "weight_fused"],
        "opm": ["drop_{}"],
    }
    told = own.get(kind, ["coefficient_{}"])
    columns = {f"modulation_{name.format(m)}" for name in told for m in ("audio", "visual")}
    assert columns == {name for name in rows[0] if name.startswith("modulation_")}
    assert all(float(row[name]) >= 0 for row in rows for name in columns)
    assert all(0 <= float(row[f"{part}_accuracy_audio"]) <= 1 for row in rows for part in ("train", "validation"))


def test_the_learning_rate_of_an_encoder_follows_its_validation_accuracy(tiny, runtime, monkeypatch):
    experiment = tiny(epochs=3, warmup_epochs=0)
    experiment = replace(experiment, method=replace(experiment.method, balance=Balance(kind="mslr")))
    dataset = experiment.data.load()
    learner = Learner(Run.of(experiment, dataset), runtime, None)
    learner.validate(dataset.validation)
    monkeypatch.setattr(MSLR, "learning_rates", lambda self: {"audio": 0.0, "visual": 2.0})
    before = {name: p.detach().clone() for name, p in learner.model.named_parameters()}
    learner.train_epoch(dataset.train, 1, lambda *_: None)
    moved = {name: (p - before[name]).abs().max().item() for name, p in learner.model.named_parameters()}
    assert all(by == 0 for name, by in moved.items() if name.startswith("encoders.audio"))
    assert max(by for name, by in moved.items() if name.startswith("encoders.visual")) > 0
    rates = {group["modality"]: group["lr"] for group in learner.state().optimizer["param_groups"]}
    assert (rates["audio"], rates["visual"]) == (0.0, 2 * rates[""])


def test_an_epoch_ends_with_the_figures_of_the_validation_part(tiny, runtime, monkeypatch):
    seen = []
    monkeypatch.setattr(OGMGE, "end_epoch", lambda self, validation: seen.append(validation))
    experiment = tiny(epochs=1)
    experiment = replace(experiment, method=replace(experiment.method, balance=Balance(kind="ogm-ge")))
    dataset = experiment.data.load()
    learner = Learner(Run.of(experiment, dataset), runtime, None)
    row = learner.validate(dataset.validation)
    found = learner.classify(dataset.validation)
    assert [one.accuracy for one in seen] == [{m: row[f"validation_accuracy_{m}"] for m in ("audio", "visual")}]
    assert seen[0].loss == found.losses
    true = found.probabilities[range(len(found)), found.labels]
    assert seen[0].loss[""] == pytest.approx(-np.log(true).mean(), rel=1e-5)


def test_an_epoch_begins_with_its_number_and_its_seed(tiny, runtime, monkeypatch):
    seen = []
    monkeypatch.setattr(
        OGMGE, "begin_epoch", lambda self, **start: seen.append((start["seed"], start["epoch"], start["epochs"]))
    )
    experiment = tiny(epochs=3, seed=5)
    experiment = replace(experiment, method=replace(experiment.method, balance=Balance(kind="ogm-ge")))
    dataset = experiment.data.load()
    learner = Learner(Run.of(experiment, dataset), runtime, None)
    for epoch in (0, 1):
        learner.train_epoch(dataset.train, epoch, lambda *_: None)
    assert seen == [(5, 0, 3), (5, 1, 3)]


OF_TEMPORAL_METHODS = [kind for kind in get_args(BalanceName) if kind not in ("none", "agm", "opm")]


@pytest.mark.parametrize(
    "method",
    [TAAF(dim=8, time_steps=2), FirstTectum(dim=16, heads=2, time_steps=2), Tectum(dim=8, time_steps=2)],
    ids=lambda m: m.name,
)
def test_each_changes_what_a_method_with_own_heads_learns(tiny, runtime, tmp_path, method):
    """Some epochs, since not every one begins with the first; compared with no balance at all."""

    def weights(balance):
        settings = tiny(epochs=5, warmup_epochs=0, learning_rate=0.05)
        data = replace(settings.data, num_validation=30)  # so that accuracies differ from epoch to epoch
        changed = replace(settings, data=data, method=replace(method, encoder="shallow", balance=balance))
        fit(changed, out=tmp_path / balance.kind, progress=False)
        return read_state(tmp_path / balance.kind).model

    plain = weights(Balance())
    for kind in OF_TEMPORAL_METHODS:
        if kind == "scores" and isinstance(method, Tectum):
            continue
        balanced = weights(balance_of(kind))
        learned = [name for name in plain if name.startswith(("encoders", "fusion"))]
        assert any(not torch.equal(plain[name], balanced[name]) for name in learned), kind
