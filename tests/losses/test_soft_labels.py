"""Every loss under soft labels: one-hot ones give what hard ones give, mixed ones the weighted sum."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from colliculus.losses import (
    CrossEntropy,
    EfficientTraining,
    FusedTemporalBalanced,
    Objective,
    RateError,
    SemanticAlignment,
    TemporalBalanced,
    UnimodalCrossEntropy,
    UnimodalRateError,
    UnimodalTemporalBalanced,
)
from colliculus.types import Output

T, B, K = 3, 4, 5
HARD, OTHERS = torch.tensor([0, 4, 2, 0]), torch.tensor([1, 4, 0, 3])
SHARE = 0.7
TEMPORAL = TemporalBalanced(label_smoothing=0.1, regulariser="mean_ce", regulariser_weight=0.3)
LOSSES = {
    "cross-entropy": Objective({"task": CrossEntropy(0.0)}),
    "smoothed cross-entropy": Objective({"task": CrossEntropy(0.1)}),
    "unimodal": Objective({"unimodal": UnimodalCrossEntropy(0.1, weight=0.5)}),
    "every step": Objective({"task": EfficientTraining(0.1, pull=0.3)}),
    "rates": Objective({"task": RateError(0.0), "unimodal": UnimodalRateError(0.0, weight=0.5)}),
    "temporal": Objective(
        {"task": FusedTemporalBalanced(TEMPORAL)},
        {"unimodal": UnimodalTemporalBalanced(TEMPORAL)},
    ),
}
ALIGNMENT = Objective({"alignment": SemanticAlignment(0.3)})


def output():
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator).requires_grad_()

    steps = drawn(T, B, K)
    return Output(
        steps.mean(0),
        steps,
        {},
        residual={"a": drawn(T, B, 6), "v": drawn(T, B, 6)},
        modality_logits={"a": drawn(T, B, K), "v": drawn(T, B, K)},
        time_weights={m: drawn(T, B).softmax(0) for m in ("a", "v", "fused")},
        unweighted_logits=drawn(T, B, K),
    )


def one_hot(labels):
    return functional.one_hot(labels, K).float()


def total(objective, labels):
    return torch.stack(list(objective(output(), labels).values())).sum()


@pytest.mark.parametrize("objective", [*LOSSES.values(), ALIGNMENT], ids=[*LOSSES, "alignment"])
def test_one_hot_labels_give_what_hard_ones_give(objective):
    torch.testing.assert_close(total(objective, one_hot(HARD)), total(objective, HARD), rtol=1e-6, atol=0)


@pytest.mark.parametrize("objective", LOSSES.values(), ids=LOSSES)
def test_mixed_labels_give_the_weighted_sum_of_both_losses(objective):
    mixed = SHARE * one_hot(HARD) + (1 - SHARE) * one_hot(OTHERS)
    expected = SHARE * total(objective, HARD) + (1 - SHARE) * total(objective, OTHERS)
    torch.testing.assert_close(total(objective, mixed), expected)
    assert not torch.isclose(total(objective, mixed), total(objective, HARD), rtol=1e-3)


def test_alignment_of_mixed_labels_is_its_mean_over_the_labels_that_may_be_drawn():
    """Each sample is of its own or the other class, independently: sixteen losses, weighed by their probabilities."""
    mixed = SHARE * one_hot(HARD) + (1 - SHARE) * one_hot(OTHERS)
    expected = torch.zeros(())
    for own in torch.cartesian_prod(*[torch.tensor([True, False])] * B):
        weight = torch.where(own, SHARE, 1 - SHARE).prod()
        expected = expected + weight * total(ALIGNMENT, torch.where(own, HARD, OTHERS))
    torch.testing.assert_close(total(ALIGNMENT, mixed), expected)


@pytest.mark.parametrize("objective", [*LOSSES.values(), ALIGNMENT], ids=[*LOSSES, "alignment"])
def test_the_labels_given_are_left_as_they_are(objective):
    mixed = SHARE * one_hot(HARD) + (1 - SHARE) * one_hot(OTHERS)
    before = mixed.clone()
    total(objective, mixed).backward()
    assert torch.equal(mixed, before)
