"""The gradient of the multi-step neuron, written out: one node in autograd's graph for all T steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.surrogate import SURROGATES
from colliculus.types import ColliculusError

SURROGATE_NUMBERS = {name: number for number, name in enumerate(SURROGATES)}
"""How kernels that cannot call Python know a surrogate."""


class Forward(Protocol):
    """Spikes (steps, *), and what the backward pass needs: the membranes before the reset, or the currents."""

    def __call__(
        self, currents: Tensor, leak: float | Tensor, dynamics: Dynamics, steps: int, *, keep: bool
    ) -> tuple[Tensor, Tensor]:
        """`keep` False: no backward pass will come, so what is kept need not be whole."""
        ...


class Backward(Protocol):
    """Gradients of the currents, (1, *) when `static`, and of the leak where that is wanted."""

    def __call__(
        self, grad: Tensor, kept: Tensor, leak: float | Tensor, dynamics: Dynamics, *, static: bool, wants_leak: bool
    ) -> tuple[Tensor, Tensor | None]:
        """`kept` is what the forward pass returned beside the spikes."""
        ...


@dataclass(frozen=True)
class Passes:
    """A kernel's two passes. With `recomputes` the currents are all that it keeps."""

    forward: Forward
    backward: Backward
    recomputes: bool

    def run(self, currents: Tensor, leak: float | Tensor, dynamics: Dynamics, steps: int) -> Tensor:
        """Spikes (steps, *) of currents (steps, *) or (1, *), in autograd's graph where one is kept."""
        learns = currents.requires_grad or (isinstance(leak, Tensor) and leak.requires_grad)
        if not (learns and torch.is_grad_enabled()):
            return self.forward(currents, leak, dynamics, steps, keep=False)[0]
        return _MultiStep.apply(currents, leak, dynamics, steps, self)  # type: ignore[no-any-return, no-untyped-call]


class _MultiStep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, leak: float | Tensor, dynamics: Dynamics, steps: int, passes: Passes
    ) -> Tensor:
        spikes, kept = passes.forward(currents, leak, dynamics, steps, keep=True)
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
