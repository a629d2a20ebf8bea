from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from colliculus.labels import are_soft, at_label, correctness, one_hot, same_class

K = 4
HARD = torch.tensor([3, 0, 0, 2, 1])
ONE_HOT = functional.one_hot(HARD, K).float()
SOFT = torch.tensor([[0.2, 0.3, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0], [0.6, 0.0, 0.0, 0.4]])


def assignments():
    """Every way to draw a class for each of the three samples, with its probability."""
    for drawn in torch.cartesian_prod(*[torch.arange(K)] * 3):
        weight = SOFT[torch.arange(3), drawn].prod()
        if weight:
            yield drawn, weight


def values(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_one_hot_labels_answer_as_hard_ones_do():
    assert (are_soft(HARD), are_soft(ONE_HOT)) == (False, True)
    for x in (values(5, K), values(3, 5, K)):
        assert torch.equal(at_label(x, ONE_HOT), at_label(x, HARD))
        assert torch.equal(at_label(x, HARD), x[..., torch.arange(5), HARD])
    predictions = torch.tensor([3, 1, 0, 2, 2])
    assert correctness(predictions, HARD).tolist() == correctness(predictions, ONE_HOT).tolist() == [1, 0, 1, 1, 0]
    assert torch.equal(same_class(HARD).float(), same_class(ONE_HOT))
    assert torch.equal(one_hot(HARD, K, torch.float64), one_hot(ONE_HOT, K, torch.float64))


@pytest.mark.parametrize(
    "ask",
    [
        lambda labels: at_label(values(2, 3, K), labels),
        lambda labels: correctness(torch.tensor([2, 0, 3]), labels).float(),
        lambda labels: same_class(labels).float(),
        lambda labels: one_hot(labels, K, torch.float32),
    ],
    ids=["at_label", "correctness", "same_class", "one_hot"],
)
def test_soft_labels_answer_as_the_mean_over_classes_drawn_by_them(ask):
    torch.testing.assert_close(ask(SOFT), sum(weight * ask(drawn) for drawn, weight in assignments()))
