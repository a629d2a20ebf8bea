"""Linear layers of a network as convolutions of NIR: BatchNorm folded in, in float64, rounded once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from colliculus.layers.int8 import whole_and_scale

Values = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Affine:
    """A convolution with a bias, in float64.

    Args:
        weight: (D, C, rows, columns).
        bias: (D,).
        stride: (rows, columns).
        padding: (rows, columns).
    """

    weight: Values
    bias: Values
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)

    def times(self, factor: float) -> Affine:
        """The same for inputs that are `factor` times smaller."""
        return replace(self, weight=self.weight * factor)

    def reading(self, start: int, channels: int) -> Affine:
        """The same for an input of more channels, of which it reads those from `start` on."""
        after = channels - start - self.weight.shape[1]
        return replace(self, weight=_padded(self.weight, (0, 0), (start, after), (0, 0), (0, 0)))

    def square(self) -> Affine:
        """The same with an odd, square kernel, the only kind whose output size the package `nir` computes.

        Example:
            >>> wide = Affine(weight=np.ones((1, 1, 1, 3)), bias=np.zeros(1), padding=(0, 1)).square()
            >>> wide.weight.shape, wide.padding, wide.weight[0, 0].sum(1).tolist()
            ((1, 1, 3, 3), (1, 1), [0.0, 3.0, 0.0])
        """
        rows, columns = self.weight.shape[2:]
        if rows == columns:
            return self
        more = tuple((max(rows, columns) - n) // 2 for n in (rows, columns))
        weight = _padded(self.weight, (0, 0), (0, 0), (more[0], more[0]), (more[1], more[1]))
        return replace(self, weight=weight, padding=(self.padding[0] + more[0], self.padding[1] + more[1]))


def _padded(values: Values, *widths: Pair) -> Values:
    """Zeros before and after the values along each axis."""
    return np.pad(values, np.array(widths))


def numbers(x: Tensor) -> Values:
    """The values in float64."""
    found: Values = x.detach().double().cpu().numpy()
    return found


def linear(layer: nn.Conv2d | nn.Conv1d | nn.Linear, norm: nn.Module | None = None) -> Affine:
    """A layer, and the BatchNorm behind it in evaluation mode, as one convolution; None or an identity adds nothing.

    Example:
        >>> import torch
        >>> layer, norm = nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3).eval()
        >>> _ = norm.running_mean.fill_(1.0), norm.running_var.fill_(4.0)
        >>> folded, x = linear(layer, norm), torch.rand(1, 2, 1)
        >>> y = folded.weight[:, :, 0, 0] @ x[0].double().numpy() + folded.bias[:, None]
        >>> np.allclose(y, norm(layer(x))[0].detach().numpy(), atol=1e-6)
        True
    """
    weight = numbers(layer.weight)
    bias = np.zeros(len(weight)) if layer.bias is None else numbers(layer.bias)
    if isinstance(layer, nn.Conv2d):
        found = Affine(weight=weight, bias=bias, stride=_pair(layer.stride), padding=_pair(layer.padding))
    else:
        found = Affine(weight=weight.reshape(*weight.shape[:2], 1, 1), bias=bias)
    return normalised(found, norm)


def normalised(layer: Affine, norm: nn.Module | None) -> Affine:
    """A layer with the BatchNorm behind it folded in."""
    if norm is None or isinstance(norm, nn.Identity):
        return layer
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)  # noqa: S101
    assert norm.running_mean is not None  # noqa: S101
    assert norm.running_var is not None  # noqa: S101
    scale = numbers(norm.weight) / np.sqrt(numbers(norm.running_var) + norm.eps)
    bias = (layer.bias - numbers(norm.running_mean)) * scale + numbers(norm.bias)
    return replace(layer, weight=layer.weight * scale[:, None, None, None], bias=bias)


def identity(channels: int, factor: float = 1.0) -> Affine:
    """A 1x1 convolution that multiplies every channel by a number."""
    return Affine(weight=factor * np.eye(channels)[:, :, None, None], bias=np.zeros(channels))


def window_sum(channels: int, kernel: Pair, stride: Pair, padding: Pair) -> Affine:
    """A convolution that adds the values of a window, each channel by itself."""
    weight = np.eye(channels)[:, :, None, None] * np.ones(kernel)
    return Affine(weight=weight, bias=np.zeros(channels), stride=stride, padding=padding)


def over_grid(weight: Values, bias: Values, grid: Pair) -> Affine:
    """A linear map of all tokens (K, D, N) as a convolution whose only output is at the first token of the grid.

    Example:
        >>> over_grid(np.ones((5, 8, 6)), np.zeros(5), (2, 3)).weight.shape
        (5, 8, 5, 5)
    """
    rows, columns = grid
    placed = weight.reshape(*weight.shape[:2], rows, columns)
    if rows == columns:
        return Affine(weight=placed, bias=bias)
    side = max(grid)
    before = side - 1
    kernel = _padded(placed, (0, 0), (0, 0), (before, side - rows), (before, side - columns))
    return Affine(weight=kernel, bias=bias, stride=(side, side), padding=(before, before))


def whole_numbers(weight: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Weights (D, ...) rounded to whole numbers of that many bits, times one scale for each of the D channels.

    Example:
        >>> whole_numbers(np.array([[3.0, 0.9], [-1.5, 0.6]], dtype=np.float32), bits=3).tolist()  # -3 to 3
        [[3.0, 1.0], [-1.5, 0.5]]
    """
    whole, scale = whole_and_scale(weight, bits)
    return (whole * scale).astype(np.float32)


def _pair(value: int | str | tuple[int, ...]) -> Pair:
    assert not isinstance(value, str), "no layer here pads by name"  # noqa: S101
    return (value, value) if isinstance(value, int) else (value[0], value[1])
