"""Weights as gather.c reads them, laid out once in evaluation.

To lay a weight out takes six times as long as to read it; a spiking ResNet-18 spends a fifth of its time so on few
clips. A layout is used again as long as the weight has the numbers that it was made of, which one reading finds out: a
weight may be changed in any way, and the next call uses it.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from colliculus.layers import gather


class _Layout(NamedTuple):
    """A layout, and what it was made of."""

    made_of: tuple[bytes, tuple[int, ...], torch.dtype]
    packed: Tensor | None


_layouts = WeakTensorKeyDictionary()


def kept(parameter: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor | None:
    """`gather.packed(weight, dtype)`, made once, and kept as long as `parameter` lives.

    Args:
        parameter: a layer's, of which the weight is a view.
        weight: (D, C, rows, columns).
        dtype: of the inputs.

    Example:
        >>> from torch import nn
        >>> layer = nn.Conv2d(16, 16, 3)
        >>> first = kept(layer.weight, layer.weight, torch.float32)
        >>> kept(layer.weight, layer.weight, torch.float32) is first
        True
    """
    made_of = gather.digest(weight), (*weight.shape,), dtype
    found = cast("_Layout | None", _layouts.get(parameter))
    if found is None or found.made_of != made_of:
        found = _Layout(made_of, gather.packed(weight, dtype))
        _layouts[parameter] = found
    return found.packed


def forget(parameter: Tensor) -> None:
    """Give back the memory of a layout; a training changes the weight at every step."""
    _layouts.pop(parameter, None)
