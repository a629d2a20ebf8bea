"""The neuron over T steps, by the kernel that is in use."""

from __future__ import annotations

import torch
from torch import Tensor

from colliculus.neurons.kernels import compiled
from colliculus.neurons.kernels.analytic import AnyDynamics
from colliculus.neurons.kernels.choice import kernel_for
from colliculus.types import ColliculusError

NARROW = (torch.bfloat16, torch.float16)
"""dtypes too narrow to store the membrane in."""


def multi_step(currents: Tensor, leak: float | Tensor, dynamics: AnyDynamics, steps: int | None) -> Tensor:
    """Spikes (T, *) in the dtype and layout of the currents; the arguments are those of `lif` and `graded`.

    Raises:
        ColliculusError: `steps` contradicts the currents.
    """
    steps = num_steps(currents, steps)
    if torch.compiler.is_compiling():
        wide = currents.float() if currents.dtype in NARROW else currents
        return compiled.run(wide, leak, dynamics, steps).to(currents.dtype)
    kernel = kernel_for(currents, leak, dynamics)
    if currents.dtype not in NARROW or currents.dtype in kernel.narrow:
        return kernel.run(currents, leak, dynamics, steps)
    return kernel.run(currents.float(), leak, dynamics, steps).to(currents.dtype)


def num_steps(currents: Tensor, steps: int | None) -> int:
    """T of currents (T, *), or of static ones (1, *) over `steps` steps.

    Raises:
        ColliculusError: `steps` contradicts the currents.
    """
    if steps not in (None, currents.shape[0]) and currents.shape[0] != 1:
        raise ColliculusError(
            f"currents of {currents.shape[0]} steps cannot be integrated over {steps}: give 1 or {steps} steps"
        )
    return currents.shape[0] if steps is None else steps
