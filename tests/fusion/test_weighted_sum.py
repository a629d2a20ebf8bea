from __future__ import annotations

import torch

from colliculus.fusion import WeightedSum


def given(**values):
    return {m: torch.full((2, 3, 4, 5), value) for m, value in values.items()}


def test_weights_by_hand():
    join = WeightedSum("abc")
    with torch.no_grad():
        join.weights.copy_(torch.tensor([1.0, 2.0, 3.0]).log())
    fused = join(given(a=6.0, b=12.0, c=18.0))
    torch.testing.assert_close(fused.joint, torch.full((2, 3, 4), (1 * 6 + 2 * 12 + 3 * 18) / 6))
    torch.testing.assert_close(fused.parts["b"], torch.full((2, 3, 4), 4.0))
    torch.testing.assert_close(sum(fused.parts.values()), fused.joint)
    assert fused.streams["b"].unique().tolist() == [12.0]


def test_those_that_are_there_share_all_the_weight():
    join = WeightedSum("abc")
    with torch.no_grad():
        join.weights.copy_(torch.tensor([1.0, 2.0, 3.0]).log())
    fused = join(given(a=8.0, c=12.0))
    torch.testing.assert_close(fused.joint, torch.full((2, 3, 4), (1 * 8 + 3 * 12) / 4))
    torch.testing.assert_close(join(given(b=5.0)).joint, torch.full((2, 3, 4), 5.0))


def test_weights_learn():
    join = WeightedSum("ab")
    join(given(a=1.0, b=2.0)).joint.sum().backward()
    assert join.weights.grad[1] > 0 > join.weights.grad[0]
