"""Choice of the kernel of the multi-step neuron: the fastest one available, or that in COLLICULUS_KERNELS."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.kernels import eager, graded_eager, graded_native, native, plain
from colliculus.neurons.kernels.analytic import AnyDynamics, Passes
from colliculus.types import ColliculusError

VARIABLE = "COLLICULUS_KERNELS"


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One way to compute the neuron.

    Args:
        summary: description in a few words.
        leaky: its two passes of a leaky neuron; None for the loop, whose backward pass is autograd's.
        graded: its two passes of a graded neuron.
        missing: reason why this machine does not have it; None if it has.
        narrow: dtypes below float32 that it reads and writes itself, with the membrane in float32.
    """

    summary: str
    leaky: Callable[[], Passes] | None = None
    graded: Callable[[], Passes] | None = None
    missing: Callable[[], str | None] = lambda: None
    narrow: frozenset[torch.dtype] = frozenset()

    def passes(self, dynamics: AnyDynamics) -> Passes | None:
        """The passes of that kind of neuron; None for the loop."""
        make = self.leaky if isinstance(dynamics, Dynamics) else self.graded
        return make() if make else None

    def run(self, currents: Tensor, leak: float | Tensor, dynamics: AnyDynamics, steps: int) -> Tensor:
        """Spikes (steps, *) of currents (steps, *) or (1, *), differentiable."""
        passes = self.passes(dynamics)
        return (plain if passes is None else passes).run(currents, leak, dynamics, steps)

    def run_from(
        self, currents: Tensor, membrane: Tensor | None, leak: float | Tensor, dynamics: AnyDynamics, steps: int
    ) -> tuple[Tensor, Tensor]:
        """Spikes, and the membrane (*) after the last step; None starts from 0."""
        passes = self.passes(dynamics)
        return (plain if passes is None else passes).run_from(currents, membrane, leak, dynamics, steps)


def _native_missing() -> str | None:
    return None if native.library() else "not compiled: no C compiler was found when Colliculus was installed"


@cache
def _triton_missing() -> str | None:
    """Try Triton once: it compiles at the first use, which needs a driver and a compiler."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not (interpreted or torch.cuda.is_available()):
        return "there is no CUDA device"
    try:
        x = torch.linspace(0, 3, 8, device="cpu" if interpreted else "cuda").reshape(4, 2).requires_grad_()
        spikes, expected = (run(x, 0.5, Dynamics(), 4) for run in (_triton_passes().run, eager.PASSES.run))
        torch.testing.assert_close(spikes, expected, rtol=0, atol=0)
        torch.testing.assert_close(*(torch.autograd.grad(s.sum(), x)[0] for s in (spikes, expected)))
    except Exception as error:  # noqa: BLE001 (PyTorch replaces it, whatever the error)
        return f"Triton fails here: {type(error).__name__}"
    return None


def _triton_passes() -> Passes:
    from colliculus.neurons.kernels.triton import PASSES

    return PASSES


def _graded_triton_passes() -> Passes:
    from colliculus.neurons.kernels.graded_triton import PASSES

    return PASSES


KERNELS = {
    "plain": Kernel(summary="the loop over time, which the others are tested against"),
    "eager": Kernel(
        summary="PyTorch, written-out gradient, block by block",
        leaky=lambda: eager.PASSES,
        graded=lambda: graded_eager.PASSES,
    ),
    "native": Kernel(
        summary="C, for the CPU",
        leaky=lambda: native.PASSES,
        graded=lambda: graded_native.PASSES,
        missing=_native_missing,
        narrow=frozenset({torch.bfloat16}),
    ),
    "triton": Kernel(
        summary="Triton, for CUDA",
        leaky=_triton_passes,
        graded=_graded_triton_passes,
        missing=_triton_missing,
        narrow=frozenset({torch.bfloat16, torch.float16}),
    ),
}
FASTEST_FIRST = ("triton", "native", "eager")


def forced() -> str | None:
    """The kernel named in COLLICULUS_KERNELS; None if it is not set.

    Raises:
        ColliculusError: there is no kernel of that name, or this machine does not have it.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    if name not in KERNELS:
        raise ColliculusError(f"{VARIABLE}={name} is not a kernel: choose one of {', '.join(KERNELS)}, or unset it")
    if reason := KERNELS[name].missing():
        raise ColliculusError(f"{VARIABLE}={name} is not available, {reason}: unset it, or choose eager")
    return name


def kernel_for(currents: Tensor, leak: float | Tensor, dynamics: AnyDynamics) -> Kernel:
    """The kernel of one call. Tensors without values of their own (traced, vmapped, subclasses) use the loop."""
    if (name := forced()) == "plain" or not _holds_numbers(currents):
        return KERNELS["plain"]
    for candidate in (name, "eager") if name else FASTEST_FIRST:
        kernel = KERNELS[candidate]
        if kernel.missing() is None and (passes := kernel.passes(dynamics)) and passes.takes(currents, leak, dynamics):
            return kernel
    return KERNELS["plain"]


def _holds_numbers(x: Tensor) -> bool:
    return type(x) in (Tensor, nn.Parameter) and not is_traced()


def is_traced() -> bool:
    """True if torch.jit traces or torch.func (vmap, grad) transforms: neither can see into a kernel."""
    tracing = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    return tracing or torch._C._are_functorch_transforms_active()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def in_use(device: str) -> str:
    """The kernel for float32 currents on `device`, on this machine and with COLLICULUS_KERNELS.

    Example:
        >>> in_use("cpu") in KERNELS
        True
    """
    chosen = kernel_for(torch.zeros(1, 1, device=device), 0.5, Dynamics())
    return next(name for name, kernel in KERNELS.items() if kernel is chosen)
