from __future__ import annotations

import pytest
import torch

from colliculus.losses import RateError, UnimodalRateError
from colliculus.types import Output

T, B, K = 3, 4, 5
LABELS = torch.tensor([0, 4, 2, 0])


def output():
    generator = torch.Generator().manual_seed(0)
    spikes = {m: torch.randint(0, 2, (T, B, K), generator=generator).float() for m in ("joint", "a", "v")}
    joint = spikes.pop("joint")
    return Output(joint.mean(0), joint, {}, modality_logits=spikes)


def slow(steps):
    total = 0.0
    for b in range(B):
        for k in range(K):
            rate = sum(steps[t, b, k].item() for t in range(T)) / T
            total += (rate - (1.0 if LABELS[b] == k else 0.0)) ** 2
    return total / (B * K)


def test_rates_are_compared_with_one_hot_labels() -> None:
    found = output()
    assert RateError(0.0)(found, LABELS).item() == pytest.approx(slow(found.step_logits))
    own = sum(slow(steps) for steps in found.modality_logits.values())
    assert UnimodalRateError(0.0, weight=0.3)(found, LABELS).item() == pytest.approx(0.3 * own)


def test_the_gradient_pulls_to_the_smoothed_label() -> None:
    rates = torch.full((1, K), 0.5, requires_grad=True)
    RateError(0.1)(Output(rates, rates[None], {}), torch.tensor([1])).backward()
    smoothed = torch.tensor([0.02, 0.92, 0.02, 0.02, 0.02])
    torch.testing.assert_close(rates.grad[0], 2 * (0.5 - smoothed) / K)
