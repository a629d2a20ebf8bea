"""Weights of 8 bits for layers whose inputs are whole numbers, such as spikes and sums of spikes.

Only the weights are rounded: y = scale * (weights * x) + bias, with whole weights from -127 to 127, one scale for each
of the D outputs, and whole inputs from 0 to 255. The sums are exact, in int32 where oneDNN has such a product, else in
float32, which holds them exactly up to 2^24; by gathering where few inputs are not zero. So all give the same bits.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from colliculus.layers import gather
from colliculus.layers.convolution import is_seen, rate_below
from colliculus.layers.gather import Geometry

MOST = 255
"""Largest input."""

CROSSING = 0.12
"""Rate of the input below which gathering is faster than oneDNN's products of whole numbers."""
_WORTH_IT = 2**23  # products of a call from which oneDNN is faster: it costs a conversion and two layouts

Layer = nn.Conv2d | nn.Conv1d | nn.Linear
"""Layers that can have weights of 8 bits."""


def whole_and_scale(weight: NDArray[np.float32], bits: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (D, ...) as whole numbers of that many bits, and one scale for each of the D channels, (D, 1, ...).

    Example:
        >>> whole, scale = whole_and_scale(np.array([[3.0, 0.9], [-1.5, 0.6]], dtype=np.float32), bits=3)  # -3 to 3
        >>> whole.tolist(), scale.tolist()
        ([[3.0, 1.0], [-3.0, 1.0]], [[1.0], [0.5]])
    """
    top = 2 ** (bits - 1) - 1
    wide = weight.astype(np.float64)
    largest = np.abs(wide).reshape(len(wide), -1).max(1)
    scale = (np.where(largest > 0, largest, 1.0) / top).reshape(-1, *[1] * (wide.ndim - 1))
    return np.round(wide / scale), scale


class Int8(nn.Module):
    """A convolution, 1x1 projection or linear layer of whole numbers from 0 to 255, with weights of 8 bits.

    Args:
        layer: layer to replace; its weights are rounded.
        unit: inputs are whole multiples of it, a power of two: 1 for binary spikes, the step of graded ones.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.constant_(layer.weight, 0.5)
        >>> Int8(layer)(torch.tensor([[1.0, 3.0]])).item()
        2.0
    """

    whole: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, layer: Layer, unit: float = 1.0) -> None:
        super().__init__()
        self.per_unit = 1 / unit
        whole, scale = whole_and_scale(layer.weight.detach().cpu().numpy(), bits=8)
        device = layer.weight.device
        self.register_buffer("whole", torch.from_numpy(whole).to(device, torch.int8))
        self.register_buffer("scale", torch.from_numpy(scale.ravel() * unit).to(device, torch.float32))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())
        self.spatial = layer.weight.ndim - 2
        self.stride: list[int] = list(cast("Any", layer).stride) if self.spatial else []
        self.padding: list[int] = list(cast("Any", layer).padding) if self.spatial else []
        self._packed: tuple[Tensor, Tensor] | None = None
        self._layout: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """As the layer: (B, C, H, W), (B, C, N) or (..., C) -> the same with D in the place of C."""
        levels = x if self.per_unit == 1 else x * self.per_unit
        if (found := self.by_gathering(levels)) is not None:
            return found
        if self._is_fast(x) and bool((levels.to(torch.uint8) == levels).all()):  # other numbers would be cut off
            return self.by_one_dnn(levels)
        return self.in_float32(levels)

    def by_gathering(self, x: Tensor) -> Tensor | None:
        """The output of a convolution or projection of numbers of which most are zero; None where it would not pay."""
        uneven = len({*self.stride}) != 1  # none, of a linear layer
        if uneven or x.dtype != torch.float32 or torch.is_grad_enabled() or is_seen():
            return None
        frames, whole = (x, self.whole) if self.spatial == 2 else (x.unsqueeze(-2), self.whole.unsqueeze(-2))
        padding = (0, 0) if self.spatial == 1 else (self.padding[0], self.padding[1])
        window = Geometry(whole.shape[2], whole.shape[3], self.stride[0], padding)
        if rate_below(CROSSING, frames, whole, window) is None:
            return None
        if self._layout is None:
            self._layout = gather.packed(whole, torch.float32)
        sums = gather.forward(frames, whole, None, window, self._layout)
        assert sums is not None  # noqa: S101 - whole numbers are finite
        found = sums.mul_(self.scale.view(-1, 1, 1))
        return self._biased(found if self.spatial == 2 else found.squeeze(-2))

    def _is_fast(self, x: Tensor) -> bool:
        tracing = torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        products = x.numel() * self.whole[0].numel() // self.whole.shape[1] * len(self.whole)
        return x.device.type == "cpu" and not tracing and products >= _WORTH_IT and has_one_dnn()

    def in_float32(self, x: Tensor) -> Tensor:
        """The output for whole numbers by PyTorch's own products: the fallback, and the check of oneDNN's."""
        weight = self.whole.float()
        if self.spatial == 0:
            sums = functional.linear(x, weight)
        else:
            convolve = functional.conv2d if self.spatial == 2 else functional.conv1d
            sums = convolve(x, weight, None, self.stride, self.padding)
        return self._biased(sums * self.scale.view(-1, *[1] * self.spatial))

    def _biased(self, values: Tensor) -> Tensor:
        return values if self.bias is None else values + self.bias.view(-1, *[1] * self.spatial)

    def by_one_dnn(self, x: Tensor) -> Tensor:
        """The output for whole numbers by oneDNN's product of them, on the CPU."""
        weight, zeros = self._packed or self._pack(x)
        if self.spatial == 1:  # a projection of tokens: (B, C, N) as (B, N, C)
            found = _linear(x.transpose(1, 2).to(torch.uint8).contiguous(), weight, self.scale, zeros)
            found = found.transpose(1, 2)  # as it lies: channels last, which the normalisation and the neuron want
        elif self.spatial == 2:
            found = _conv2d(x, weight, self.scale, zeros, self.stride, self.padding)
        else:
            found = _linear(x.to(torch.uint8), weight, self.scale, zeros)
        return self._biased(found)

    def _pack(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The weights as oneDNN lays them out, made once, and offsets of 0 for each channel."""
        ops, zeros = torch.ops.onednn, torch.zeros(len(self.whole), dtype=torch.int64)
        if self.spatial == 2:
            shape = [*x.shape]
            packed = ops.qconv_prepack(self.whole, self.scale, 1.0, 0, self.stride, self.padding, [1, 1], 1, shape)
        else:
            flat = self.whole.flatten(1)
            packed = ops.qlinear_prepack(flat, [1, flat.shape[1]])
        self._packed = packed, zeros
        return self._packed


def _conv2d(x: Tensor, weight: Tensor, scale: Tensor, zeros: Tensor, stride: list[int], padding: list[int]) -> Tensor:
    levels = x.to(torch.uint8).contiguous(memory_format=torch.channels_last)
    found: Tensor = torch.ops.onednn.qconv2d_pointwise(
        levels, 1.0, 0, weight, scale, zeros, None, stride, padding, [1, 1], 1, 1.0, 0, torch.float32, "none", [], ""
    )
    return found


def _linear(x: Tensor, weight: Tensor, scale: Tensor, zeros: Tensor) -> Tensor:
    found: Tensor = torch.ops.onednn.qlinear_pointwise(
        x.flatten(0, -2), 1.0, 0, weight, scale, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return found.unflatten(0, x.shape[:-1])


@cache
def has_one_dnn() -> bool:
    """True where oneDNN computes such products here, exactly; other versions of PyTorch have other signatures."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 4, (2, 8, 5, 5), generator=generator).float()
    layers = nn.Conv2d(8, 4, 3, padding=1), nn.Linear(5, 4)
    try:
        return all(torch.equal(each.by_one_dnn(x), each.in_float32(x)) for each in map(Int8, layers))
    except (AttributeError, RuntimeError, TypeError):
        return False
