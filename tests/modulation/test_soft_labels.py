"""Every balance under soft labels: one-hot ones give what hard ones give, mixed ones the mean over what they may be."""

from __future__ import annotations

from math import log
from typing import get_args

import pytest
import torch
from torch.nn import functional

from colliculus.methods import SCMRL, TAAF, FirstTectum, LateFusion, Tectum
from colliculus.modulation import Balance, BalanceName, ScoreBalance, Validation
from colliculus.modulation.agm import _cross_entropies
from colliculus.modulation.pmr import _cross_entropy, _known_logits, class_sums
from colliculus.modulation.scores import mean_score, modality_correct
from colliculus.modulation.taaf import step_scores
from colliculus.runtime import Runtime
from colliculus.types import DataSpec, Output

ALONE = Runtime(device=torch.device("cpu"))
SPEC = DataSpec(channels={"a": 1, "b": 2}, sizes=dict.fromkeys("ab", (8, 8)), num_classes=3)
HARD = torch.tensor([0, 1, 2, 0])
MIXED = torch.tensor([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.2, 0.0, 0.8], [0.5, 0.25, 0.25]])
COMMON = {"dim": 8, "encoder": "shallow", "time_steps": 2}
METHODS = (
    {
        kind: LateFusion(**COMMON, unimodal_loss=1.0, balance=Balance(kind=kind))
        for kind in get_args(BalanceName)
        if kind != "scores"
    }
    | {
        f"scores, {kind}": TAAF(**COMMON, balance=Balance(kind="scores", scores=ScoreBalance(kind=kind)))
        for kind in ("gradient", "loss", "inverse", "step")
    }
    | {method.name: method(**COMMON, heads=2) for method in (SCMRL, FirstTectum)}
    | {Tectum.name: Tectum(**COMMON)}
)


def train(method, labels):
    """Two epochs of a step each; the gradients of the second, what is reported, and the losses."""
    torch.manual_seed(0)
    model, modulator = method.model(SPEC), method.modulator()
    inputs = {m: torch.randn(4, c, 8, 8, generator=torch.manual_seed(1)) for m, c in SPEC.channels.items()}
    for epoch in range(2):
        model.zero_grad(set_to_none=True)
        modulator.begin_epoch(seed=0, epoch=epoch, epochs=4, device=ALONE.device)
        output = model(inputs)
        prepared = modulator.before_backward(model, output, labels, method.objective(), ALONE)
        ALONE.backward(torch.stack(list(prepared.losses.values())).sum(), model)
        report = modulator(model, output, labels, ALONE, prepared)
        modulator.end_epoch(Validation(dict.fromkeys("ab", 0.5), dict.fromkeys(("", *"ab"), 1.0)))
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return gradients, report, prepared.losses


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_one_hot_labels_give_what_hard_ones_give(method):
    hard, soft = (train(method, labels) for labels in (HARD, functional.one_hot(HARD, 3).float()))
    for name, gradient in hard[0].items():
        torch.testing.assert_close(soft[0][name], gradient, rtol=1e-3, atol=1e-6, msg=name)
    assert soft[1] == pytest.approx(hard[1], rel=1e-4)
    for name, loss in hard[2].items():
        torch.testing.assert_close(soft[2][name], loss, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_mixed_labels_train(method):
    gradients, report, losses = train(method, MIXED)
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert all(loss.isfinite() for loss in losses.values())
    assert report == pytest.approx(report)  # no NaN


def mean_over_labels(ask):
    """The mean of what hard labels answer for each sample, over the classes of `MIXED`."""
    return sum(MIXED[:, k] * ask(torch.full((4,), k)) for k in range(3))


def test_scores_are_means_over_the_labels():
    logits = torch.randn(2, 4, 3, generator=torch.manual_seed(0))
    weights = torch.rand(2, 4, generator=torch.manual_seed(1))
    output = Output(logits.mean(0), logits, {"a": logits}, modality_logits={"a": logits}, time_weights={"a": weights})
    right = mean_over_labels(lambda labels: modality_correct(output, labels)["a"].float())
    torch.testing.assert_close(modality_correct(output, MIXED)["a"], right)
    probability = mean_over_labels(lambda labels: logits[0].softmax(-1).gather(1, labels[:, None])[:, 0])
    assert mean_score({"a": logits[0]}, MIXED, ALONE)["a"] == pytest.approx(probability.mean().item(), rel=1e-6)
    steps = mean_over_labels(lambda labels: step_scores(output, labels)["a"])
    torch.testing.assert_close(step_scores(output, MIXED)["a"], steps)
    large = 30 * logits[0]  # some classes are less probable than is counted
    torch.testing.assert_close(
        _cross_entropies(large, MIXED), mean_over_labels(lambda labels: _cross_entropies(large, labels))
    )


def test_prototypes_are_weighted_means():
    features = torch.randn(4, 5, generator=torch.manual_seed(0))
    got = class_sums(features, MIXED, 3)
    for k in range(3):
        torch.testing.assert_close(got[k, :-1], (MIXED[:, k, None] * features).sum(0))
    torch.testing.assert_close(got[:, -1], MIXED.sum(0))


def test_the_prototype_loss_leaves_out_the_part_of_a_class_without_a_prototype():
    prototypes = torch.tensor([[0.0, 0.0], [torch.nan, torch.nan], [3.0, 4.0]])
    features = torch.zeros(1, 2, requires_grad=True)
    logits = _known_logits(features + torch.tensor([0.3, 0.4]), prototypes)  # distances 0.5 and 4.5
    labels = torch.tensor([[0.25, 0.5, 0.25]])
    loss = _cross_entropy(logits, labels)
    norm = log(torch.tensor([-0.5, -4.5]).exp().sum().item())
    assert loss.item() == pytest.approx(0.25 * (norm + 0.5) + 0.25 * (norm + 4.5), rel=1e-6)
    loss.backward()
    assert features.grad.isfinite().all()
    hard = _cross_entropy(logits.detach(), torch.tensor([1]))
    assert hard.item() == _cross_entropy(logits.detach(), torch.tensor([[0.0, 1.0, 0.0]])).item() == 0
