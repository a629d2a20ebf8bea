"""The analytic gradient of the multi-step neuron: one node in autograd's graph for all T steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.kernels.layout import membranes_for, time_first
from colliculus.neurons.levels import GradedDynamics
from colliculus.neurons.surrogate import SURROGATES, shape_of
from colliculus.types import ColliculusError

AnyDynamics = Dynamics | GradedDynamics
"""Options of a leaky neuron, whose factor is the leak, or of a graded one, whose factor is the decay."""
SURROGATE_NUMBERS = {name: number for number, name in enumerate(SURROGATES)}
"""Numbers of the surrogates, for kernels that cannot call Python."""


class Forward(Protocol):
    """Forward pass: spikes (steps, *), and the membranes before the reset or the currents for the backward pass."""

    def __call__(
        self,
        currents: Tensor,
        leak: float | Tensor,
        dynamics: Any,
        steps: int,
        *,
        keep: bool,
        membrane: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """With `keep` False no backward pass follows, and the second tensor may be incomplete.

        The neurons start from `membrane`, which then holds their state after the last step, or from 0; it is made by
        `membranes_for`. A backward pass knows no start but 0.

        The dynamics are those of one kind of neuron, by which `Kernel.passes` chooses.
        """
        ...


class Backward(Protocol):
    """Backward pass: gradients of the currents, (1, *) if `static`, and of the leak if it is wanted."""

    def __call__(
        self, grad: Tensor, kept: Tensor, leak: float | Tensor, dynamics: Any, *, static: bool, wants_leak: bool
    ) -> tuple[Tensor, Tensor | None]:
        """`kept` is the second tensor of the forward pass."""
        ...


def has_numbers(leak: float | Tensor, dynamics: Dynamics) -> bool:
    """True if plain numbers describe the neuron: a built-in surrogate and a single leak."""
    return (not isinstance(leak, Tensor) or leak.numel() == 1) and shape_of(dynamics.surrogate) is not None


@dataclass(frozen=True, kw_only=True)
class Passes:
    """A kernel's two passes.

    Args:
        forward: forward pass.
        backward: backward pass.
        takes: True if they can compute a call.
        recomputes: True if only the currents are stored for the backward pass.
    """

    forward: Forward
    backward: Backward
    takes: Callable[[Tensor, float | Tensor, Any], bool]
    recomputes: bool

    def run(self, currents: Tensor, leak: float | Tensor, dynamics: AnyDynamics, steps: int) -> Tensor:
        """Spikes (steps, *) of currents (steps, *) or (1, *), in autograd's graph if gradients are enabled."""
        learns = currents.requires_grad or (isinstance(leak, Tensor) and leak.requires_grad)
        if not (learns and torch.is_grad_enabled()):
            return self.forward(currents, leak, dynamics, steps, keep=False, membrane=None)[0]
        return _MultiStep.apply(currents, leak, dynamics, steps, self)  # type: ignore[no-any-return, no-untyped-call]

    def run_from(
        self, currents: Tensor, membrane: Tensor | None, leak: float | Tensor, dynamics: AnyDynamics, steps: int
    ) -> tuple[Tensor, Tensor]:
        """Spikes, and the membrane (*) after the last step; None starts from 0. No gradient flows."""
        currents = time_first(currents)
        after = membranes_for(currents, membrane)
        return self.forward(currents, leak, dynamics, steps, keep=False, membrane=after)[0], after


class _MultiStep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, leak: float | Tensor, dynamics: AnyDynamics, steps: int, passes: Passes
    ) -> Tensor:
        spikes, kept = passes.forward(currents, leak, dynamics, steps, keep=True, membrane=None)
        ctx.save_for_backward(kept, *([leak] if isinstance(leak, Tensor) else []))
        ctx.leak = None if isinstance(leak, Tensor) else leak
        ctx.dynamics, ctx.passes, ctx.static = dynamics, passes, currents.shape[0] == 1
        return spikes

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
        if torch.is_grad_enabled():
            raise ColliculusError(
                "this neuron's gradient cannot be differentiated again: for that, set COLLICULUS_KERNELS=plain"
            )
        kept, *tensors = ctx.saved_tensors
        leak = tensors[0] if tensors else ctx.leak
        currents, of_leak = ctx.passes.backward(
            grad_outputs[0], kept, leak, ctx.dynamics, static=ctx.static, wants_leak=ctx.needs_input_grad[1]
        )
        return currents, of_leak, None, None, None
