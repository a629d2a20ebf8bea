"""The multi-step neuron in C (native.c), compiled when the package is installed and called with pointers.

The library depends neither on Python nor on torch, so one build works with every version of both. Without a C compiler
it is missing, and PyTorch replaces it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch
from torch import Tensor

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.kernels.analytic import SURROGATE_NUMBERS, Passes, has_numbers
from colliculus.neurons.kernels.layout import empty_steps, laid_out_as, rows, time_first
from colliculus.neurons.surrogate import shape_of

NUMBERS = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2}
WORTH_A_THREAD = 1 << 17
"""Numbers of elements below which another thread costs more time than it saves."""


class Call(ctypes.Structure):
    """The struct of the same name in native.c."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("currents", "grad_spikes", "out", "membrane")),
        *((name, ctypes.c_int64) for name in ("steps", "n")),
        *((name, ctypes.c_double) for name in ("leak", "threshold", "shape")),
        *((name, ctypes.c_int32) for name in ("surrogate", "number", "static", "soft", "detach", "through", "learns")),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library; None if there is no suitable one."""
    found = [path for suffix in EXTENSION_SUFFIXES if (path := Path(__file__).with_name(f"_native{suffix}")).exists()]
    try:
        loaded = ctypes.CDLL(str(found[0])) if found else None
        fits = loaded is not None and loaded.colliculus_size_of_call() == ctypes.sizeof(Call)
    except (OSError, AttributeError):  # built for another machine, or from another source
        return None
    if loaded is None or not fits:
        return None
    loaded.colliculus_instructions.restype = ctypes.c_char_p
    loaded.colliculus_forward.argtypes = (ctypes.POINTER(Call), ctypes.c_int)
    loaded.colliculus_backward.argtypes = (ctypes.POINTER(Call), ctypes.c_int, ctypes.POINTER(ctypes.c_double))
    return loaded


def instructions() -> str:
    """The widest vector instructions in use, for example "AVX2"."""
    loaded = library()
    return "" if loaded is None else loaded.colliculus_instructions().decode()


def takes(currents: Tensor, leak: float | Tensor, dynamics: Dynamics) -> bool:
    """True if this kernel can compute a call."""
    return currents.device.type == "cpu" and currents.dtype in NUMBERS and has_numbers(leak, dynamics)


def forward(
    currents: Tensor,
    leak: float | Tensor,
    dynamics: Dynamics,
    steps: int,
    *,
    keep: bool,  # noqa: ARG001 (the currents are stored in any case)
    membrane: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Spikes (steps, *), and the currents in their memory layout."""
    currents = time_first(currents)
    spikes = empty_steps(currents, steps)
    call = _call(currents, leak, dynamics, steps)
    call.out, call.membrane = spikes.data_ptr(), address(membrane)
    check(_loaded().colliculus_forward(call, threads(spikes)))
    return spikes, currents


def backward(
    grad: Tensor,
    kept: Tensor,
    leak: float | Tensor,
    dynamics: Dynamics,
    *,
    static: bool,  # noqa: ARG001 (the shape of the stored currents shows it)
    wants_leak: bool,
) -> tuple[Tensor, Tensor | None]:
    """Gradients of the currents and of the leak."""
    kept = time_first(kept)
    grad = laid_out_as(grad, kept)
    of_currents, of_leak = torch.empty_like(kept), ctypes.c_double()
    call = _call(kept, leak, dynamics, grad.shape[0])
    call.grad_spikes, call.out, call.learns = grad.data_ptr(), of_currents.data_ptr(), wants_leak
    check(_loaded().colliculus_backward(call, threads(grad), of_leak))
    if not (isinstance(leak, Tensor) and wants_leak):
        return of_currents, None
    return of_currents, leak.new_full(leak.shape, of_leak.value)


def options(leak: float | Tensor, dynamics: Dynamics, *, steps: int, dtype: torch.dtype, static: bool) -> Call:
    """The options of a call, without its tensors."""
    name, shape = shape_of(dynamics.surrogate) or ("", 0.0)
    return Call(
        steps=steps,
        leak=float(leak),
        threshold=dynamics.threshold,
        shape=shape,
        surrogate=SURROGATE_NUMBERS[name],
        number=NUMBERS[dtype],
        static=static,
        soft=dynamics.reset == "soft",
        detach=dynamics.detach_reset,
        through=dynamics.temporal_gradient,
    )


def _call(currents: Tensor, leak: float | Tensor, dynamics: Dynamics, steps: int) -> Call:
    call = options(leak, dynamics, steps=steps, dtype=currents.dtype, static=currents.shape[0] == 1)
    call.currents, call.n = currents.data_ptr(), rows(currents).shape[1]
    return call


def _loaded() -> ctypes.CDLL:
    loaded = library()
    assert loaded is not None, "choose this kernel only where `library` finds it"  # noqa: S101
    return loaded


def address(membrane: Tensor | None) -> int | None:
    """The pointer of a membrane; None, which the C code takes for zeros, if there is none."""
    return None if membrane is None else membrane.data_ptr()


def threads(x: Tensor) -> int:
    """Number of threads that save time for that many elements."""
    return max(1, min(torch.get_num_threads(), x.numel() // WORTH_A_THREAD))


def check(failed: int) -> None:
    """Raise the library's only error."""
    if failed:
        raise MemoryError("no memory for the membranes of one strip")


PASSES = Passes(forward=forward, backward=backward, takes=takes, recomputes=True)
