"""Layers as convolutions, against the layers themselves in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from colliculus.export.nir.fold import identity, linear, over_grid, whole_numbers, window_sum


def drawn(norm):
    for value in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(value)
    nn.init.uniform_(norm.running_var, 0.1, 2.0)
    return norm.double().eval()


def run(layer, x):
    weight, bias = torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)
    return functional.conv2d(x.double(), weight, bias, stride=layer.stride, padding=layer.padding)


@pytest.mark.parametrize(
    ("kernel", "padding", "stride"), [(3, 1, 1), (3, 1, 2), ((1, 5), (0, 2), 1), (1, 0, 2), (7, 3, 2)]
)
def test_a_convolution_and_its_norm(kernel, padding, stride) -> None:
    layer = nn.Conv2d(3, 4, kernel, stride=stride, padding=padding, bias=False).double()
    norm, x = drawn(nn.BatchNorm2d(4)), torch.randn(2, 3, 9, 8, dtype=torch.float64)
    for folded in (linear(layer, norm), linear(layer, norm).square()):
        torch.testing.assert_close(run(folded, x), norm(layer(x)))


def test_a_kernel_becomes_square_and_no_square_one_changes() -> None:
    folded = linear(nn.Conv2d(2, 2, (1, 5), padding=(0, 2)))
    assert folded.square().weight.shape == (2, 2, 5, 5)
    assert folded.square().square() is not folded
    square = linear(nn.Conv2d(2, 2, 3))
    assert square.square() is square


def test_a_projection_with_bias_and_a_linear_layer() -> None:
    projection, norm = nn.Conv1d(3, 4, 1).double(), drawn(nn.BatchNorm1d(4))
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    torch.testing.assert_close(run(linear(projection, norm), x[..., None])[..., 0], norm(projection(x)))
    layer = nn.Linear(3, 4).double()
    expected = layer(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(run(linear(layer, nn.Identity()), x[..., None])[..., 0], expected)


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (3, 3), (1, 4), (3, 2), (2, 5)])
def test_a_map_of_all_tokens_has_one_output(grid) -> None:
    weight, bias = np.random.default_rng(0).normal(size=(4, 3, grid[0] * grid[1])), np.arange(4.0)
    x = torch.randn(2, 3, *grid, dtype=torch.float64)
    found = run(over_grid(weight, bias, grid), x)
    assert found.shape == (2, 4, 1, 1)
    expected = torch.einsum("kdn,bdn->bk", torch.from_numpy(weight), x.flatten(2)) + torch.from_numpy(bias)
    torch.testing.assert_close(found[..., 0, 0], expected)


def test_a_part_of_stacked_channels() -> None:
    layer = nn.Conv2d(2, 4, 3, padding=1).double()
    x = torch.randn(2, 7, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(run(linear(layer).reading(3, 7), x), layer(x[:, 3:5]))


def test_identities_and_sums_of_windows() -> None:
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(run(identity(3, 0.25), x), x / 4)
    found = run(window_sum(3, (3, 3), (2, 2), (1, 1)), x)
    torch.testing.assert_close(found, functional.avg_pool2d(x, 3, 2, 1) * 9)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_are_whole_numbers_of_a_scale_of_each_channel(bits) -> None:
    weight = np.random.default_rng(0).normal(size=(4, 3, 2, 2)).astype(np.float32)
    weight[2] = 0  # a channel without weights has no scale
    top = 2 ** (bits - 1) - 1
    found = whole_numbers(weight, bits).astype(np.float64)
    scale = np.abs(weight.astype(np.float64)).max((1, 2, 3), keepdims=True) / top
    scale[2] = 1
    levels = found / scale
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
    assert np.abs(levels).max() == pytest.approx(top)
    assert np.abs(found - weight).max() <= scale.max() / 2 + 1e-6
    assert len(np.unique(np.round(levels[0]))) > 2
