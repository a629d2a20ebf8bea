"""The sweep in C (block.c), over images in channels_last."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from colliculus.neurons.kernels import native
from colliculus.neurons.kernels.sweep import OneSweep

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


class NativeSweep:
    """See `SweepKernel`."""

    def takes(self, values: Tensor, steps: int) -> bool:  # noqa: ARG002 (any number of them)
        """True for float32 and bfloat16 in channels_last, of at most `WIDEST` channels."""
        return (
            values.dtype in (torch.float32, torch.bfloat16)
            and 0 < values.shape[1] <= WIDEST
            and values.numel() > 0
            and values.is_contiguous(memory_format=torch.channels_last)
            and library() is not None
        )

    def forward(
        self,
        sweep: OneSweep,
        values: Tensor,
        scale: Tensor,
        shift: Tensor,
        membrane: Tensor | None,
        *,
        learns: bool,  # noqa: ARG002 (the spikes are made again)
    ) -> tuple[Tensor, None]:
        """Spikes, of which the backward pass needs nothing."""
        spikes = sweep.empty(values, values.dtype)
        block = _block(sweep, values, scale=scale, shift=shift, spikes=spikes)
        block.membrane = native.address(membrane)
        native.check(_loaded().colliculus_block_forward(block, native.threads(spikes)))
        return spikes, None

    def backward(
        self,
        sweep: OneSweep,
        values: Tensor,
        scale: Tensor,
        shift: Tensor,
        mean: Tensor,
        places: Tensor | None,  # noqa: ARG002
        grad: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Gradients of the currents, and the two sums."""
        out, sums = torch.empty_like(values), torch.zeros(2, values.shape[1], dtype=torch.float64)
        given = {"scale": scale, "shift": shift, "mean": mean, "grad_spikes": grad}
        block = _block(sweep, values, **given, grad_currents=out, sums=sums)
        native.check(_loaded().colliculus_block_backward(block, native.threads(values)))
        return out, sums

    def moments(self, values: Tensor) -> Tensor:
        """Sums of deviations and of their squares."""
        channels = values.shape[1]
        sums = torch.zeros(2, channels, dtype=torch.float64)
        rows, number = values.numel() // channels, native.NUMBERS[values.dtype]
        _loaded().colliculus_moments(values.data_ptr(), number, rows, channels, sums.data_ptr())
        return sums

    def through_norm(self, values: Tensor, grad: Tensor, of_grad: Tensor, of_value: Tensor, constant: Tensor) -> None:
        """Mixes in place."""
        channels = values.shape[1]
        rows, number = values.numel() // channels, native.NUMBERS[values.dtype]
        factors = (factor.data_ptr() for factor in (of_grad, of_value, constant))
        _loaded().colliculus_through_norm(values.data_ptr(), grad.data_ptr(), number, rows, channels, *factors)


def _block(sweep: OneSweep, values: Tensor, **tensors: Tensor) -> Block:
    """The struct; the tensors must live as long as it is in use."""
    count, channels, height, width = values.shape
    return Block(
        neuron=native.options(sweep.leak, sweep.dynamics, steps=sweep.steps, dtype=values.dtype, static=sweep.static),
        values=values.data_ptr(),
        images=count // sweep.rows,
        height=height,
        width=width,
        channels=channels,
        pooled=sweep.pooled,
        **{name: x.data_ptr() for name, x in tensors.items()},
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


KERNEL = NativeSweep()
