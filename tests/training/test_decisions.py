"""Optional parts of a model, kept by held-out evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from colliculus.data.joined import together
from colliculus.methods import LateFusion
from colliculus.runs.result import read_result
from colliculus.runs.run import read_run
from colliculus.runs.weights import read_tensors
from colliculus.training import conclude, stage
from colliculus.training.checkpoint import read_state
from colliculus.training.decisions import one_sided_mcnemar
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.training.learner import Learner
from colliculus.types import Fused


class Extra(nn.Module):
    """An optional part that adds to the joint feature, or, harmful, replaces it by a constant."""

    is_optional = True

    def __init__(self, dim, harmful):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(dim))
        self.harmful = harmful
        self.register_buffer("kept", torch.tensor(True))

    def forward(self, joint):
        if not self.kept:
            return joint
        return 0 * joint if self.harmful else joint + self.weight


class WithParts(nn.Module):
    """The fusion of a method with two optional parts behind it."""

    def __init__(self, fusion, dim, harmful):
        super().__init__()
        self.inner = fusion
        self.first, self.second = Extra(dim, harmful), Extra(dim, harmful=False)

    def modules_of(self, modality):
        return self.inner.modules_of(modality)

    def forward(self, tokens):
        fused = self.inner(tokens)
        return Fused(self.second(self.first(fused.joint)), {}, streams=fused.streams)


@dataclass(frozen=True, kw_only=True)
class Toy(LateFusion):
    harmful: bool = False

    def model(self, spec):
        model = super().model(spec)
        model.fusion = WithParts(model.fusion, self.dim, self.harmful)
        return model


@pytest.fixture
def toy(tiny, tmp_path):
    """Train the toy; the experiment and its result."""

    def train(folder, *, harmful=False, resume=False, method=Toy, **settings):
        experiment = tiny(**settings)
        chosen = method(dim=8, encoder="shallow", time_steps=2, harmful=harmful)
        fit(replace(experiment, method=chosen), out=tmp_path / folder, resume=resume, progress=False)
        return read_result(tmp_path / folder)

    return train


@pytest.fixture
def judged(monkeypatch):
    """Script the correct predictions for the validation part: 12 samples, by which parts are present."""
    classify = Learner.classify

    def script(table):
        def scripted(self, split):
            found = classify(self, split)
            if len(split) != 6:  # the test part
                return found
            parts = self.judged.optional_parts()
            right = np.array(table[tuple(bool(part.kept) for part in parts.values())], dtype=bool)
            return replace(
                found,
                labels=np.zeros(len(right), dtype=np.int64),
                predicted=1 - right.astype(np.int64),
                probabilities=np.full((len(right), 2), 0.5, dtype=np.float32),
                modality_predicted={},
            )

        monkeypatch.setattr(Learner, "classify", scripted)

    return script


TABLE = {
    (True, True): [1] * 8 + [0] * 2,
    (False, True): [0] * 5 + [1] * 3 + [0] * 2,  # 5 samples less: p = 1/32, so the first helps
    (True, False): [1] * 6 + [0] * 2 + [1, 0],  # 2 less, 1 more: p = 1/2, so the second goes
}


@pytest.mark.parametrize("only_with", range(6))
@pytest.mark.parametrize("only_without", range(6))
def test_p_is_the_tail_of_the_binomial(only_with, only_without):
    found = one_sided_mcnemar(only_with, only_without)
    expected = stats.binom.sf(only_with - 1, only_with + only_without, 0.5)
    assert found == pytest.approx(expected)
    assert one_sided_mcnemar(3, 1) == pytest.approx((comb(4, 3) + 1) / 16, rel=1e-14)


def test_p_of_a_million_samples_is_the_tail_of_the_binomial():
    for only_with, only_without in ((501_000, 499_000), (499_000, 501_000), (0, 1_000_000)):
        expected = stats.binom.sf(only_with - 1, only_with + only_without, 0.5)
        assert one_sided_mcnemar(only_with, only_without) == pytest.approx(expected, rel=1e-9)


def test_each_part_is_kept_only_where_it_helps(toy, judged, tmp_path):
    judged(TABLE)
    result = toy("run")
    found = {d.name: (d.kept, d.correct_with, d.correct_without, d.total, d.p) for d in result.decisions}
    assert found == {"fusion.first": (True, 8, 3, 6, 1 / 32), "fusion.second": (False, 8, 7, 6, 0.5)}
    weights = read_tensors(tmp_path / "run" / "model.safetensors")
    assert weights["fusion.first.kept"]
    assert not weights["fusion.second.kept"]
    assert "second" in str(result.table())
    assert "left out (8 with it, 7 without, of 6; p = 0.5)" in " ".join(str(result.table()).split())
    assert read_run(tmp_path / "run", Toy()).experiment.preset == "tiny"


def test_a_part_that_harms_goes_and_the_result_is_that_of_the_network_without_it(toy, tmp_path):
    result = toy("run", harmful=True, epochs=12, warmup_epochs=0)
    (first, second) = result.decisions
    assert not first.kept
    assert not second.kept
    assert result.validation.correct == second.correct_without
    weights = read_tensors(tmp_path / "run" / "model.safetensors")
    assert not weights["fusion.first.kept"]


def test_killed_between_decision_and_result_it_decides_the_same(toy, digits, tmp_path):
    result = toy("run", harmful=True)
    before = digits(tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    assert toy("run", harmful=True, resume=True) == result
    assert digits(tmp_path / "run") == before


def test_a_refit_receives_the_decisions_before_it_trains(toy, judged, tmp_path, monkeypatch):
    judged(TABLE)
    train_epoch, seen = Learner.train_epoch, []

    def watched(self, split, epoch, watch):
        kept = tuple(
            tuple(bool(part.kept) for part in model.optional_parts().values()) for model in (self.model, self.average)
        )
        seen.append((len(split), kept))
        return train_epoch(self, split, epoch, watch)

    monkeypatch.setattr(Learner, "train_epoch", watched)
    result = toy("run", refit=True, epochs=2, ema_decay=0.9)
    present, decided = ((True, True),) * 2, ((True, False),) * 2
    assert seen == [(13, present)] * 2 + [(19, decided)] * 2
    assert [(d.name, d.kept) for d in result.decisions] == [("fusion.first", True), ("fusion.second", False)]
    for weights in (read_tensors(tmp_path / "run" / "model.safetensors"), read_state(tmp_path / "run").model):
        assert not weights["fusion.second.kept"]


@pytest.mark.parametrize("refit", [False, True])
def test_without_a_validation_part_every_part_is_left_out_from_the_start(tiny, tmp_path, monkeypatch, capsys, refit):
    train_epoch, seen = Learner.train_epoch, []

    def watched(self, split, epoch, watch):
        models = (self.model, self.average)
        seen.extend(bool(part.kept) for model in models for part in model.optional_parts().values())
        return train_epoch(self, split, epoch, watch)

    monkeypatch.setattr(Learner, "train_epoch", watched)
    monkeypatch.setattr(conclude, "replace_best", pytest.fail)  # the model knows it from the start
    experiment = tiny(epochs=2, ema_decay=0.9, refit=refit)
    method, whole = Toy(dim=8, encoder="shallow", time_steps=2), together(experiment.data.load())
    fit(replace(experiment, method=method), whole, tmp_path)
    assert seen == [False] * 2 * 2 * 2
    result = read_result(tmp_path)
    assert [(d.name, d.kept, d.total, d.p) for d in result.decisions] == [
        ("fusion.first", False, 0, 1.0),
        ("fusion.second", False, 0, 1.0),
    ]
    said = "left out (no validation part)"
    assert capsys.readouterr().out.count(said) == 2
    assert " ".join(str(result.table()).split()).count(said) == 2
    weights = read_tensors(tmp_path / "model.safetensors")
    assert not weights["fusion.first.kept"]
    assert result.parameters == sum(p.numel() for p in method.model(whole.spec).parameters()) - 2 * 8


def test_a_training_without_a_validation_part_that_an_earlier_version_began_keeps_its_parts_to_the_end(
    tiny, tmp_path, monkeypatch
):
    train_epoch, seen = Learner.train_epoch, []

    def watched(self, split, epoch, watch):
        if epoch == 1 and len(seen) == 1:
            raise KeyboardInterrupt
        seen.append([bool(part.kept) for part in self.model.optional_parts().values()])
        return train_epoch(self, split, epoch, watch)

    experiment = tiny(epochs=2)
    method, whole = Toy(dim=8, encoder="shallow", time_steps=2), together(experiment.data.load())
    experiment = replace(experiment, method=method)
    monkeypatch.setattr(Learner, "train_epoch", watched)
    with monkeypatch.context() as earlier:
        earlier.setattr(stage, "leave_out", lambda _models: ())  # it decided at the end
        with pytest.raises(TrainingInterrupted, match="holds 1 of 2 epochs"):
            fit(experiment, whole, tmp_path, progress=False)
    seen.append([])
    fit(experiment, whole, tmp_path, resume=True, progress=False)
    assert seen == [[True, True], [], [True, True]]
    assert [(d.kept, d.total) for d in read_result(tmp_path).decisions] == [(False, 0)] * 2
    assert not read_tensors(tmp_path / "model.safetensors")["fusion.first.kept"]


def test_a_model_without_optional_parts_decides_nothing(train, tmp_path):
    assert train(tmp_path).decisions == ()
