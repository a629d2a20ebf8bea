"""Steps of time as samples of a batch, and sequences brought to another length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from colliculus.neurons.kernels.choice import is_traced

Resampling = Literal["nearest", "linear"]


def stepwise(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a layer that knows no time to every step at once: (T, B, *) -> (T, B, *), the layer sees T*B samples.

    Example:
        >>> stepwise(torch.nn.Flatten(), torch.zeros(4, 2, 3, 5)).shape
        torch.Size([4, 2, 15])
    """
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def stands_still(x: Tensor) -> bool:
    """Whether all T > 1 steps of (T, *) are one and the same memory, as `Tensor.expand` makes them."""
    return x.shape[0] > 1 and x.stride(0) == 0


def channels_last(frames: Tensor) -> Tensor:
    """(B, C, H, W) with the channels of a pixel side by side in memory, where that is faster: on a CPU.

    Under torch.jit and torch.func the layout stays: vmap has no such operation.
    """
    if frames.device.type != "cpu" or is_traced():
        return frames
    laid_out = frames.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = frames.shape
    # of a single channel both layouts are the same memory; only these strides make a convolution keep to this one
    return laid_out.as_strided(frames.shape, (height * width, 1, width, 1)) if channels == 1 else laid_out


def tokens_of(frames: Tensor) -> Tensor:
    """(T, B, D, H, W) -> tokens (T, B, D, H * W), those of a channel side by side in memory as projections want it."""
    return frames.flatten(-2).contiguous()


def widened(x: Tensor) -> Tensor:
    """In float32 (or wider) under autocast: what a loss and a hook see is then one tensor, and no copy."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def resample(x: Tensor, steps: int, mode: Resampling) -> Tensor:
    """A sequence (T', *) brought to (steps, *) in time.

    Args:
        x: the sequence.
        steps: wanted length.
        mode: "nearest" takes the step at the middle of each new one (spikes stay spikes); "linear" interpolates there.

    Example:
        >>> resample(torch.tensor([0.0, 1.0]), 4, "nearest")
        tensor([0., 0., 1., 1.])
        >>> resample(torch.tensor([0.0, 1.0, 2.0, 3.0]), 2, "linear")
        tensor([0.5000, 2.5000])
    """
    length = x.shape[0]
    if length == steps:
        return x
    if mode == "nearest":
        return x[(2 * torch.arange(steps, device=x.device) + 1) * length // (2 * steps)]
    flat = x.reshape(1, length, -1).transpose(1, 2)
    return functional.interpolate(flat, steps, mode="linear")[0].T.reshape(steps, *x.shape[1:])
