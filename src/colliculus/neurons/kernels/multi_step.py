"""The neuron over T steps, by the kernel that is in use."""

from __future__ import annotations

import torch
from torch import Tensor

from colliculus.neurons.kernels import compiled, plain
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


def multi_step_from(
    currents: Tensor, membrane: Tensor | None, leak: float | Tensor, dynamics: AnyDynamics, steps: int | None
) -> tuple[Tensor, Tensor]:
    """Spikes (T, *), and the membrane (*) after the last step in float32 or wider; without a gradient.

    Raises:
        ColliculusError: `steps` contradicts the currents, or the membrane has another shape than a step of them.
    """
    steps = num_steps(currents, steps)
    check_membrane(membrane, currents.shape[1:])
    wide = currents.float() if currents.dtype in NARROW else currents
    if torch.compiler.is_compiling():  # the loop, so that exported programs need no operation of ours
        spikes, after = plain.run_from(wide, membrane, leak, dynamics, steps)
        return spikes.to(currents.dtype), after
    with torch.no_grad():
        kernel = kernel_for(currents, leak, dynamics)
        given = currents if currents.dtype in kernel.narrow else wide
        spikes, after = kernel.run_from(given, membrane, leak, dynamics, steps)
    return spikes.to(currents.dtype), after


def check_membrane(membrane: Tensor | None, step: tuple[int, ...]) -> None:
    """Check that a membrane has the shape of one step of the currents; None is one that starts from 0.

    Raises:
        ColliculusError: it has not.
    """
    if membrane is not None and tuple(membrane.shape) != tuple(step):
        raise ColliculusError(
            f"a membrane has shape {tuple(membrane.shape)} and a step of its currents {tuple(step)}: start from 0 "
            "(None), or give inputs of the same batch and size as before"
        )


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
