from __future__ import annotations

import torch

from colliculus.layers import ConvBNSpike, ProjectionBNSpike, SpikingMLP
from colliculus.neurons import lif


def test_normalisation_sees_all_steps_and_samples_as_one_batch() -> None:
    torch.manual_seed(0)
    brick, x = ConvBNSpike(2, 3), torch.randn(4, 5, 2, 6, 6) * 3
    maps = torch.nn.functional.conv2d(x.flatten(0, 1), brick.conv.weight, padding=1)
    mean, var = maps.mean((0, 2, 3), keepdim=True), maps.var((0, 2, 3), unbiased=False, keepdim=True)
    currents = ((maps - mean) / (var + 1e-5).sqrt()).unflatten(0, (4, 5))
    assert torch.equal(brick(x), lif(currents))


def test_projection_is_the_same_map_for_every_token() -> None:
    torch.manual_seed(0)
    brick, x = ProjectionBNSpike(4, 6, bias=True).eval(), torch.randn(3, 2, 4, 5) * 4
    weight, bias = brick.linear.weight[..., 0], brick.linear.bias
    currents = torch.einsum("ed,tbdn->tben", weight, x) + bias[:, None]
    assert torch.equal(brick(x), lif(currents / (1 + 1e-5) ** 0.5))


def test_mlp_is_a_residual_of_hidden_width_four() -> None:
    mlp, x = SpikingMLP(8), torch.randn(3, 2, 8, 5)
    assert mlp.expand.linear.weight.shape == (32, 8, 1)
    added = mlp(x) - x
    torch.testing.assert_close(added, added.round())
    assert added.min() >= -1e-6
