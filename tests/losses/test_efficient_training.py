from __future__ import annotations

from math import exp, log

import pytest
import torch

from colliculus.losses import CrossEntropy, EfficientTraining
from colliculus.types import Output

T, B, K = 3, 4, 5
LABELS = torch.tensor([0, 4, 2, 0])


def output(steps=T):
    drawn = 2 * torch.randn(steps, B, K, generator=torch.Generator().manual_seed(0))
    return Output(drawn.mean(0), drawn, {})


def test_every_step_has_a_loss_and_is_pulled_to_one() -> None:
    found, entropy, square = output(), 0.0, 0.0
    for t in range(T):
        for b in range(B):
            z = found.step_logits[t, b].tolist()
            entropy += (log(sum(map(exp, z))) - z[LABELS[b]]) / (T * B)
            square += sum((value - 1) ** 2 for value in z) / (T * B * K)
    assert EfficientTraining(0.0, pull=0.2)(found, LABELS).item() == pytest.approx(0.8 * entropy + 0.2 * square)


def test_of_one_step_without_a_pull_it_is_the_cross_entropy() -> None:
    one, many = output(1), output()
    torch.testing.assert_close(EfficientTraining(0.1, pull=0.0)(one, LABELS), CrossEntropy(0.1)(one, LABELS))
    assert EfficientTraining(0.1, pull=0.0)(many, LABELS) > CrossEntropy(0.1)(many, LABELS)  # Jensen
