"""The graded multi-step neuron in C (graded.c), in the library of native.py."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from colliculus.neurons.kernels import native
from colliculus.neurons.kernels.analytic import Passes
from colliculus.neurons.kernels.layout import empty_steps, laid_out_as, rows, time_first
from colliculus.neurons.levels import GradedDynamics


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library, if it holds the graded neuron."""
    loaded = native.library()
    try:
        functions = () if loaded is None else (loaded.colliculus_graded_forward, loaded.colliculus_graded_backward)
    except AttributeError:  # built from an earlier source
        return None
    for function in functions:
        function.argtypes = (ctypes.POINTER(native.Call), ctypes.c_int)
    return loaded


def takes(currents: Tensor, leak: float | Tensor, dynamics: GradedDynamics) -> bool:  # noqa: ARG001
    """True if this kernel can compute a call."""
    numbers = currents.device.type == "cpu" and currents.dtype in native.NUMBERS and isinstance(leak, float)
    return numbers and library() is not None


def forward(
    currents: Tensor,
    leak: float | Tensor,
    dynamics: GradedDynamics,
    steps: int,
    *,
    keep: bool,  # noqa: ARG001 (the currents are stored in any case)
    membrane: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Spikes (steps, *), and the currents in their memory layout; the leak is the decay."""
    currents = time_first(currents)
    spikes = empty_steps(currents, steps)
    call = _call(currents, leak, dynamics, steps)
    call.out, call.membrane = spikes.data_ptr(), native.address(membrane)
    native.check(_loaded().colliculus_graded_forward(call, native.threads(spikes)))
    return spikes, currents


def backward(
    grad: Tensor,
    kept: Tensor,
    leak: float | Tensor,
    dynamics: GradedDynamics,
    *,
    static: bool,  # noqa: ARG001 (the shape of the stored currents shows it)
    wants_leak: bool,  # noqa: ARG001 (the decay is a number)
) -> tuple[Tensor, None]:
    """Gradient of the currents."""
    kept = time_first(kept)
    grad = laid_out_as(grad, kept)
    of_currents = torch.empty_like(kept)
    call = _call(kept, leak, dynamics, grad.shape[0])
    call.grad_spikes, call.out = grad.data_ptr(), of_currents.data_ptr()
    native.check(_loaded().colliculus_graded_backward(call, native.threads(grad)))
    return of_currents, None


def _call(currents: Tensor, decay: float | Tensor, dynamics: GradedDynamics, steps: int) -> native.Call:
    return native.Call(
        currents=currents.data_ptr(),
        steps=steps,
        n=rows(currents).shape[1],
        leak=float(decay),
        threshold=dynamics.step,
        shape=dynamics.levels,
        number=native.NUMBERS[currents.dtype],
        static=currents.shape[0] == 1,
        detach=dynamics.detach_reset,
        through=dynamics.temporal_gradient,
    )


def _loaded() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None, "choose this kernel only where `library` finds it"  # noqa: S101
    return loaded


PASSES = Passes(forward=forward, backward=backward, takes=takes, recomputes=True)
