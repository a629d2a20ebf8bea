from __future__ import annotations

import pytest
import torch

from colliculus.layers import ModalityDropout


def given(p, modalities=3, samples=4000):
    torch.manual_seed(0)
    tokens = {f"m{i}": torch.ones(2, samples, 1, 3) for i in range(modalities)}
    return torch.stack([x[0, :, 0, 0] for x in ModalityDropout(p)(tokens).values()])


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_each_is_dropped_with_probability_p_and_one_always_stays(p) -> None:
    kept = given(p)
    assert kept.sum(0).min() >= 1
    expected = 1 - p + p**3 / 3  # of a sample that loses all three, one stays
    assert (kept.mean(1) - expected).abs().max() < 0.03


def test_nothing_is_dropped_in_evaluation_or_alone() -> None:
    tokens = {"audio": torch.ones(2, 8, 1, 3), "visual": torch.ones(2, 8, 1, 3)}
    assert ModalityDropout(0.9).eval()(tokens) is tokens
    one = {"audio": torch.ones(2, 8, 1, 3)}
    assert ModalityDropout(0.9)(one) is one


def test_all_steps_and_tokens_of_a_sample_go_together() -> None:
    torch.manual_seed(0)
    dropped = ModalityDropout(0.5)({m: torch.ones(3, 64, 2, 5) for m in "ab"})
    assert all(set(x.flatten(2).sum(2)[:, b].tolist()) in ({0.0}, {10.0}) for x in dropped.values() for b in range(64))
