"""Normalisation, neuron and max-pooling of a convolution's output in one sweep over memory, in C (block.c).

One after the other, the three layers read and write every number a dozen times and store it three times for the
backward pass. One sweep reads every number twice and stores it once, as the convolution computed it.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

import torch
from torch import Tensor, nn

from colliculus.layers.watching import is_hooked
from colliculus.neurons import LIF, LeakyNeuron, Neuron
from colliculus.neurons.kernels import choice, native
from colliculus.neurons.kernels.layout import membranes_for
from colliculus.neurons.kernels.multi_step import check_membrane
from colliculus.types import ColliculusError

BatchNorm = nn.BatchNorm2d | nn.BatchNorm1d
"""Normalisations of the channels of images, or of tokens."""
WIDEST = 1024
"""Largest number of channels: a strip of the C code holds each of them once."""
_POINTERS = "values", "scale", "shift", "mean", "spikes", "grad_spikes", "grad_currents", "sums", "membrane"


class Block(ctypes.Structure):
    """The struct of the same name in block.c."""

    _fields_ = (
        ("neuron", native.Call),
        *((name, ctypes.c_void_p) for name in _POINTERS),
        *((name, ctypes.c_int64) for name in ("images", "height", "width", "channels")),
        ("pooled", ctypes.c_int32),
    )


@dataclass(frozen=True)
class OneSweep:
    """The work of one sweep.

    Args:
        neuron: a neuron with a fixed leak.
        steps: T.
        pooled: True if max-pooling of 3 by 3 with stride 2 follows.
        static: True if the values are one step that all steps share.
    """

    neuron: LeakyNeuron
    steps: int
    pooled: bool
    static: bool

    def call(self, values: Tensor, **pointers: int) -> Block:
        """The struct for values (images, C, H, W) in channels_last."""
        count, channels, height, width = values.shape
        return Block(
            neuron=native.options(
                self.neuron.leak(), self.neuron.dynamics, steps=self.steps, dtype=values.dtype, static=self.static
            ),
            values=values.data_ptr(),
            images=count if self.static else count // self.steps,
            height=height,
            width=width,
            channels=channels,
            pooled=self.pooled,
            **pointers,
        )

    def spikes(self, values: Tensor, scale: Tensor, shift: Tensor, membrane: Tensor | None) -> Tensor:
        """Spikes (T * B, C, H', W'), with the currents values * scale + shift; (C,) both in float32.

        The neurons start from `membrane` (B, C, H, W), which then holds their state after the last step, or from 0.
        """
        height, width = (-(-n // 2) if self.pooled else n for n in values.shape[2:])
        shape = (values.shape[0] * (self.steps if self.static else 1), values.shape[1], height, width)
        spikes = torch.empty(shape, dtype=values.dtype, memory_format=torch.channels_last)
        block = self.call(values, scale=scale.data_ptr(), shift=shift.data_ptr(), spikes=spikes.data_ptr())
        block.membrane = native.address(membrane)
        native.check(_loaded().colliculus_block_forward(block, native.threads(spikes)))
        return spikes


def takes(values: Tensor, norm: nn.Module, neuron: Neuron, pool: nn.Module | None) -> bool:
    """True if the C code can compute this; otherwise the three layers run one after the other."""
    return (
        isinstance(norm, BatchNorm)
        and type(norm) in get_args(BatchNorm)
        and norm.affine
        and norm.track_running_stats
        and norm.momentum is not None
        and type(neuron) is LIF
        and (pool is None or _is_known(pool))
        and values.dtype in (torch.float32, torch.bfloat16)
        and 0 < values.shape[1] <= WIDEST
        and values.numel() > 0
        and choice.kernel_for(values, neuron.leak(), neuron.dynamics) is choice.KERNELS["native"]
        and values.is_contiguous(memory_format=torch.channels_last)
        and not any(is_hooked(part) for part in (norm, neuron, pool) if part is not None)
        and library() is not None
    )


def run(values: Tensor, norm: BatchNorm, sweep: OneSweep) -> Tensor:
    """Spikes (T * B, C, H', W') from the output of a convolution, (T * B, C, H, W), or (B, C, H, W) if it is static.

    In training the statistics are those of the batch, for static values repeated T times; the running ones are updated.
    """
    mean, inverse = _statistics(values, norm, sweep)
    spikes: Tensor = _OneSweep.apply(  # type: ignore[no-untyped-call]
        values, norm.weight, norm.bias, mean, inverse, sweep, norm.training
    )
    return spikes


@torch.no_grad()
def run_from(values: Tensor, membrane: Tensor | None, norm: BatchNorm, sweep: OneSweep) -> tuple[Tensor, Tensor]:
    """The same from a membrane (B, C, H, W), or from 0, and the membrane after the last step; no gradient flows.

    Raises:
        ColliculusError: the membrane has another shape than a step of the currents.
    """
    images = len(values) if sweep.static else len(values) // sweep.steps
    check_membrane(membrane, (images, *values.shape[1:]))
    mean, inverse = _statistics(values, norm, sweep)
    scale = norm.weight.double() * inverse
    after = membranes_for(values[None, :images], membrane)
    return sweep.spikes(values, scale.float(), (norm.bias.double() - mean * scale).float(), after), after


def _statistics(values: Tensor, norm: BatchNorm, sweep: OneSweep) -> tuple[Tensor, Tensor]:
    """Mean, and one by the deviation, (C,) in float64; in training the running ones are updated."""
    if not norm.training:
        assert norm.running_mean is not None  # noqa: S101
        assert norm.running_var is not None  # noqa: S101
        mean, var = norm.running_mean.double(), norm.running_var.double()
    else:
        mean, var = moments(values)
        _remember(norm, mean, var, values.numel() // values.shape[1] * (sweep.steps if sweep.static else 1))
    return mean, (var + norm.eps).rsqrt()


def moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and mean square deviation of each channel, (C,) in float64; values (images, C, H, W) in channels_last."""
    channels = values.shape[1]
    rows = values.numel() // channels
    sums = torch.zeros(2, channels, dtype=torch.float64)
    _loaded().colliculus_moments(values.data_ptr(), native.NUMBERS[values.dtype], rows, channels, sums.data_ptr())
    of_first = sums[0] / rows  # deviations are relative to the first row, which avoids cancellation
    return values.detach()[0, :, 0, 0].double() + of_first, (sums[1] / rows - of_first**2).clamp(min=0)


class _OneSweep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        inverse: Tensor,
        sweep: OneSweep,
        own: bool,
    ) -> Tensor:
        scale = weight.double() * inverse
        rows = scale.float(), (bias.double() - mean * scale).float()
        spikes = sweep.spikes(values, *rows, None)
        ctx.save_for_backward(values, *rows, scale, mean, inverse)
        ctx.sweep, ctx.own = sweep, own
        return spikes

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise ColliculusError(
                "this neuron's gradient cannot be differentiated again: set COLLICULUS_KERNELS=plain for that"
            )
        values, scale, shift, exact_scale, mean, inverse = ctx.saved_tensors
        grad = grad_outputs[0].contiguous(memory_format=torch.channels_last)
        out, sums = torch.empty_like(values), torch.zeros(2, values.shape[1], dtype=torch.float64)
        centre = mean.float()
        block = ctx.sweep.call(
            values,
            scale=scale.data_ptr(),
            shift=shift.data_ptr(),
            mean=centre.data_ptr(),
            grad_spikes=grad.data_ptr(),
            grad_currents=out.data_ptr(),
            sums=sums.data_ptr(),
        )
        native.check(_loaded().colliculus_block_backward(block, native.threads(values)))
        of_bias, of_weight = sums[0], sums[1] * inverse
        rows = values.numel() // values.shape[1]
        # gradient of the values: scale * (g - mean(g) - normalised * mean(g * normalised)); the two means are present
        # only if the statistics are those of the batch
        of_values = -exact_scale * inverse * of_weight / rows if ctx.own else torch.zeros_like(mean)
        constant = -exact_scale * of_bias / rows - of_values * mean if ctx.own else torch.zeros_like(mean)
        factors = [factor.float() for factor in (exact_scale, of_values, constant)]
        _loaded().colliculus_through_norm(
            values.data_ptr(),
            out.data_ptr(),
            native.NUMBERS[values.dtype],
            rows,
            values.shape[1],
            *(factor.data_ptr() for factor in factors),
        )
        return out, of_weight.to(scale.dtype), of_bias.to(scale.dtype), None, None, None, None


@torch.no_grad()
def _remember(norm: BatchNorm, mean: Tensor, var: Tensor, count: int) -> None:
    """Update the running statistics; as in PyTorch, the variance is the unbiased one of `count` numbers."""
    assert norm.running_mean is not None  # noqa: S101
    assert norm.running_var is not None  # noqa: S101
    assert norm.momentum is not None  # noqa: S101
    if count < 2:
        raise ColliculusError("a BatchNorm in training needs more than one value of each channel: give larger batches")
    norm.running_mean.lerp_(mean.to(norm.running_mean), norm.momentum)
    norm.running_var.lerp_((var * count / (count - 1)).to(norm.running_var), norm.momentum)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)


def _is_known(pool: nn.Module) -> bool:
    return type(pool) is nn.MaxPool2d and (
        (pool.kernel_size, pool.stride, pool.padding, pool.dilation) == (3, 2, 1, 1)
        and not (pool.ceil_mode or pool.return_indices)
    )


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library, if its block has the layout of `Block`."""
    loaded = native.library()
    if loaded is None or loaded.colliculus_size_of_block() != ctypes.sizeof(Block):
        return None
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    for function in (loaded.colliculus_block_forward, loaded.colliculus_block_backward):
        function.argtypes = (ctypes.POINTER(Block), ctypes.c_int)
    loaded.colliculus_moments.argtypes = (pointer, ctypes.c_int32, count, count, pointer)
    loaded.colliculus_through_norm.argtypes = (pointer, pointer, ctypes.c_int32, count, count, *[pointer] * 3)
    loaded.colliculus_moments.restype = loaded.colliculus_through_norm.restype = None
    return loaded


def _loaded() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None, "only where `takes` says so"  # noqa: S101
    return loaded
