"""Weights of the classes, against scikit-learn, PyTorch's own weights and slow loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from colliculus.losses import (
    AdditiveCrossEntropy,
    CrossEntropy,
    EfficientTraining,
    FusedTemporalBalanced,
    Objective,
    RateError,
    SemanticAlignment,
    SpikeRate,
    TemporalBalanced,
    UnimodalCrossEntropy,
    UnimodalRateError,
    UnimodalTemporalBalanced,
)
from colliculus.losses.class_weights import balanced, cross_entropy, sample_weights
from colliculus.methods import METHODS
from colliculus.types import ColliculusError, Output

WEIGHTS = (0.5, 2.0, 1.25)
LABELS = torch.tensor([0, 0, 1, 2, 0])


def output(samples=5, steps=3, classes=3):
    draw = torch.Generator().manual_seed(0)
    step_logits, audio, visual = (torch.randn(steps, samples, classes, generator=draw) for _ in range(3))
    time_weights = {m: torch.rand(steps, samples, generator=draw) for m in ("fused", "audio", "visual")}
    own = {"audio": audio, "visual": visual}
    return Output(step_logits.mean(0), step_logits, {}, modality_logits=own, time_weights=time_weights)


def one_of(whole, b):
    """The sample `b` as a batch of its own."""
    return Output(
        whole.logits[b : b + 1],
        whole.step_logits[:, b : b + 1],
        {},
        modality_logits={m: x[:, b : b + 1] for m, x in whole.modality_logits.items()},
        time_weights={m: x[:, b : b + 1] for m, x in whole.time_weights.items()},
    )


def test_balanced_weights_are_those_of_scikit_learn():
    class_weight = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.repeat([0, 1, 2], [7, 2, 4])
    expected = class_weight.compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert balanced(np.bincount(labels).tolist()) == pytest.approx(expected.tolist())
    assert np.mean([balanced([7, 2, 4])[k] for k in labels]) == pytest.approx(1)


def test_cross_entropy_is_that_of_pytorch_but_for_the_sum_of_the_weights():
    logits = output().logits
    theirs = functional.cross_entropy(logits, LABELS, weight=torch.tensor(WEIGHTS))
    total = sum(WEIGHTS[k] for k in LABELS.tolist())
    torch.testing.assert_close(cross_entropy(logits, LABELS, 0.0, WEIGHTS), theirs * total / len(LABELS))
    assert torch.equal(
        cross_entropy(logits, LABELS, 0.1), functional.cross_entropy(logits, LABELS, label_smoothing=0.1)
    )


TERMS = {
    "task": CrossEntropy(0.1, 0.7),
    "additive": AdditiveCrossEntropy(0.1, 0.7),
    "unimodal": UnimodalCrossEntropy(0.1, 0.7),
    "rates": RateError(0.1),
    "unimodal rates": UnimodalRateError(0.1, 0.7),
    "fused": FusedTemporalBalanced(TemporalBalanced(label_smoothing=0.1)),
    "mean_ce": FusedTemporalBalanced(TemporalBalanced(regulariser="mean_ce", regulariser_weight=0.3)),
    "tet": EfficientTraining(0.1, pull=0.0),
    "own": UnimodalTemporalBalanced(TemporalBalanced(label_smoothing=0.1), {"audio": 0.5}),
}


@pytest.mark.parametrize("name", TERMS)
def test_each_term_is_the_weighted_mean_over_its_samples(name):
    term, whole = TERMS[name], output()

    def value(term, output, labels):
        found = term(output, labels)
        return sum(found.values()) if isinstance(found, dict) else found

    each = torch.stack([value(term, one_of(whole, b), LABELS[b : b + 1]) for b in range(5)])
    torch.testing.assert_close(value(term, whole, LABELS), each.mean())
    slow = sum(WEIGHTS[k] * loss for k, loss in zip(LABELS.tolist(), each, strict=True)) / 5
    weighted = value(term.weighted(WEIGHTS), whole, LABELS)
    torch.testing.assert_close(weighted, slow)
    assert not torch.isclose(weighted, each.mean())
    hard = functional.one_hot(LABELS, 3).float()
    torch.testing.assert_close(value(term.weighted(WEIGHTS), whole, hard), slow)


def test_the_pull_of_temporal_efficient_training_knows_no_classes():
    whole, term = output(), EfficientTraining(0.0, pull=1.0)
    assert torch.equal(term(whole, LABELS), term.weighted(WEIGHTS)(whole, LABELS))


def test_the_shares_of_ranks_make_up_the_whole():
    logits = output().logits
    whole = cross_entropy(logits, LABELS, 0.1, WEIGHTS)
    shares = [(cross_entropy(logits[r::2], LABELS[r::2], 0.1, WEIGHTS), len(LABELS[r::2])) for r in range(2)]
    torch.testing.assert_close(sum(loss * n for loss, n in shares) / len(LABELS), whole)


def test_a_soft_label_has_the_mean_weight_of_its_classes():
    labels = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])
    assert sample_weights(labels, WEIGHTS).tolist() == [0.25 * 0.5 + 0.75 * 2.0, 1.25]


def test_an_objective_weighs_the_terms_that_have_classes_and_leaves_the_others():
    objective = Objective({"task": CrossEntropy(0.0), "rate": SpikeRate(10.0)}, {"own": TERMS["own"]})
    weighted = objective.weighted(WEIGHTS)
    assert weighted.terms["task"] == CrossEntropy(0.0, class_weights=WEIGHTS)
    assert weighted.terms["rate"] is objective.terms["rate"]
    assert weighted.per_modality["own"].loss.class_weights == WEIGHTS
    with pytest.raises(ColliculusError, match=r"none of the terms alignment has classes to weigh: leave train\.class_"):
        Objective({"alignment": SemanticAlignment(0.07, "pairs")}).weighted(WEIGHTS)


@pytest.mark.parametrize("name", METHODS)
def test_the_objective_of_every_method_has_classes_to_weigh(name):
    objective = METHODS[name]().objective()
    assert objective.weighted(WEIGHTS) != objective
    assert objective.weighted(()) == objective
