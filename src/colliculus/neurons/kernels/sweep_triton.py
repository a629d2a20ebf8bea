"""Calls of the kernels in block_triton.py: from tensors (images, C, H, W) to grids of programs."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor

from colliculus.neurons.kernels import block_triton as kernels
from colliculus.neurons.kernels.analytic import SURROGATE_NUMBERS
from colliculus.neurons.kernels.layout import layout_of
from colliculus.neurons.kernels.sweep import OneSweep
from colliculus.neurons.kernels.triton import SHORT
from colliculus.neurons.surrogate import shape_of

NUMBERS = (torch.float32, torch.bfloat16, torch.float16)
"""dtypes in memory; the membrane is float32."""
TILE = 512
"""Numbers of a tile."""
WINDOWS = 64
"""Windows of a tile whose spikes are pooled: each is 16 numbers, of which 9 count."""
ACROSS = 32
"""Most channels of a tile where channels lie side by side."""
TILES = 8
"""Tiles of a program that sums."""
MOST = 2**31
"""Numbers of a tensor that its indices can count."""


class TritonSweep:
    """See `SweepKernel`."""

    def takes(self, values: Tensor, steps: int) -> bool:
        """True for at most `SHORT` steps of images in either layout, in the numbers of `NUMBERS`."""
        return (
            values.dtype in NUMBERS
            and steps <= SHORT
            and 0 < values.numel() < MOST // steps
            and values.is_contiguous(memory_format=layout_of(values))
        )

    def forward(
        self, sweep: OneSweep, values: Tensor, scale: Tensor, shift: Tensor, membrane: Tensor | None, *, learns: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Spikes; and of a pooling that learns, a byte for each window and step."""
        spikes = sweep.empty(values, values.dtype)
        after = values if membrane is None else membrane  # without one, no program reads or writes it
        common = _of_neuron(sweep) | {"carries": membrane is not None}
        if not sweep.pooled:
            grid, tile, n = _grid(values, sweep.rows, TILE)
            kernels.forward_kernel[grid](
                values, scale, shift, spikes, after, n, *_plane(values), _stride(values, sweep),
                spikes.numel() // sweep.steps, **common, **tile,
            )  # fmt: skip
            return spikes, None
        places = sweep.empty(values, torch.uint8) if learns else spikes
        before = values if membrane is None else membrane.clone()  # windows share pixels, and one writes before another
        grid, tile, n = _grid(spikes, sweep.steps, WINDOWS)
        kernels.pooled_forward_kernel[grid](
            values, scale, shift, spikes, places, before, after, n, *values.shape[1:], *spikes.shape[2:],
            *_strides(values), _stride(values, sweep), *_strides(spikes), spikes.numel() // sweep.steps,
            learns=learns, **common, **tile,
        )  # fmt: skip
        return spikes, places if learns else None

    def backward(
        self,
        sweep: OneSweep,
        values: Tensor,
        scale: Tensor,
        shift: Tensor,
        mean: Tensor,
        places: Tensor | None,
        grad: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Gradients of the currents, and the two sums."""
        out, dynamics = torch.empty_like(values), sweep.dynamics
        grid, tile, n = _grid(values, sweep.rows, TILE)
        sums = torch.empty(grid[0], 2, values.shape[1], device=values.device)
        name, shape = shape_of(dynamics.surrogate) or ("", 0.0)
        kernels.backward_kernel[grid](
            values, scale, shift, mean, grad, grad if places is None else places, out, sums, n,
            *values.shape[1:], *grad.shape[2:], *_strides(values), _stride(values, sweep), *_strides(grad),
            grad.numel() // sweep.steps,
            static=sweep.static, detach=dynamics.detach_reset, through=dynamics.temporal_gradient, pooled=sweep.pooled,
            surrogate=SURROGATE_NUMBERS[name], shape=shape, **_of_neuron(sweep), **tile,
        )  # fmt: skip
        return out, sums.sum(0, dtype=torch.float64)

    def moments(self, values: Tensor) -> Tensor:
        """Sums of deviations and of their squares."""
        grid, tile, n = _grid(values, 1, TILE, TILES)
        sums = torch.empty(grid[0], 2, values.shape[1], device=values.device)
        pivot = values[0, :, 0, 0].float().contiguous()
        kernels.moments_kernel[grid](values, pivot, sums, n, *_plane(values), tiles=TILES, **tile)
        return sums.sum(0, dtype=torch.float64)

    def through_norm(self, values: Tensor, grad: Tensor, of_grad: Tensor, of_value: Tensor, constant: Tensor) -> None:
        """Mixes in place."""
        grid, tile, n = _grid(values, 1, TILE)
        kernels.through_norm_kernel[grid](
            values, grad, of_grad, of_value, constant, n, *_plane(values), enable_fp_fusion=False, **tile
        )


def _of_neuron(sweep: OneSweep) -> dict[str, Any]:
    return {
        "steps": sweep.steps,
        "leak": sweep.leak,
        "threshold": sweep.dynamics.threshold,
        "soft": sweep.dynamics.reset == "soft",
        "enable_fp_fusion": False,
    }


def _stride(values: Tensor, sweep: OneSweep) -> int:
    """Numbers from one step of the values to the next."""
    return 0 if sweep.static else values.numel() // sweep.steps


def _strides(x: Tensor) -> tuple[int, int]:
    """Numbers from a pixel of an image to the next, and from a channel to the next."""
    _, channels, height, width = x.shape
    return (channels, 1) if layout_of(x) is torch.channels_last else (1, height * width)


def _plane(x: Tensor) -> tuple[int, ...]:
    """Channels, pixels and numbers of an image, and its strides."""
    _, channels, height, width = x.shape
    return channels, height * width, channels * height * width, *_strides(x)


def _grid(x: Tensor, steps: int, numbers: int, tiles: int = 1) -> tuple[tuple[int, int], dict[str, int], int]:
    """Programs for one of the `steps` steps of images, the shape of their tiles, and the number of pixels."""
    channels = min(ACROSS, triton.next_power_of_2(x.shape[1])) if layout_of(x) is torch.channels_last else 1
    pixels, n = numbers // channels, x.numel() // x.shape[1] // steps
    grid = triton.cdiv(n, pixels * tiles), triton.cdiv(x.shape[1], channels)
    return grid, {"pixels": pixels, "channels": channels}, n


KERNEL = TritonSweep()
