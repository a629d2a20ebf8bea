"""One step of a graded neuron, whose spikes have levels: its options with their defaults, and the arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import torch
from torch import Tensor

from colliculus.neurons.dynamics import GradientOptions
from colliculus.types import ColliculusError

DECAY = 0.0
"""Default share of the membrane that is left after a step: none ("Choices of Tectum" in RESULTS.md)."""


@dataclass(frozen=True, kw_only=True)
class GradedDynamics(GradientOptions):
    """The options that a graded neuron computes with. Their defaults are defined here and nowhere else.

    Raises:
        ColliculusError: `levels` is below 1, or `step` is not positive.

    Example:
        >>> GradedDynamics(levels=4, step=1.0).most
        4.0
    """

    levels: int = 8
    """D, highest level of a graded spike: it stands for up to D binary ones."""
    step: float = 0.5
    """Membrane potential of one level; a power of two computes exactly."""

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ColliculusError(f"`levels` is {self.levels}: choose at least 1")
        if not 0 < self.step < inf:
            raise ColliculusError(f"`step` must be positive, not {self.step}")

    @property
    def most(self) -> float:
        """The largest spike, D * step."""
        return self.levels * self.step

    @property
    def per_step(self) -> float:
        """1 / step; a product with it is the same on every device, a division is not."""
        return 1 / self.step


def level(u: Tensor, levels: int) -> Tensor:
    """clip(round(u), 0, levels), where a half is rounded up.

    Deviation: I-LIF rounds a half to the even number. Rounded up, D comparisons with `>=` give the same levels, so that
    the neuron unfolds into binary spikes exactly.

    Example:
        >>> level(torch.tensor([-0.5, 0.4, 0.5, 1.5, 2.5, 9.0]), 4)
        tensor([0., 0., 1., 2., 3., 4.])
    """
    whole = u.floor()
    return (whole + (u - whole >= 0.5)).clamp(0, levels)


class _GradedSpike(torch.autograd.Function):
    """step * level forward; backward straight through where 0 <= v / step <= D, else nothing."""

    generate_vmap_rule = True

    @staticmethod
    def forward(v: Tensor, dynamics: GradedDynamics) -> Tensor:
        return level(v * dynamics.per_step, dynamics.levels) * dynamics.step

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, GradedDynamics], output: Tensor) -> None:
        v, ctx.dynamics = inputs
        ctx.save_for_backward(v)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (v,) = ctx.saved_tensors
        u = v * ctx.dynamics.per_step
        return grad_outputs[0] * ((u >= 0) & (u <= ctx.dynamics.levels)), None


def graded_spike(v: Tensor, dynamics: GradedDynamics = GradedDynamics()) -> Tensor:
    """step * clip(round(v / step), 0, D), whose gradient is 1 where 0 <= v / step <= D, else 0 (straight through).

    Example:
        >>> v = torch.tensor([-0.1, 0.3, 4.0, 4.1], requires_grad=True)
        >>> graded_spike(v).detach()
        tensor([0.0000, 0.5000, 4.0000, 4.0000])
        >>> graded_spike(v).sum().backward(); v.grad
        tensor([0., 1., 1., 0.])
    """
    return _GradedSpike.apply(v, dynamics)  # type: ignore[no-any-return, no-untyped-call]


def graded_step(
    membrane: Tensor, current: Tensor, decay: float | Tensor = DECAY, dynamics: GradedDynamics = GradedDynamics()
) -> tuple[Tensor, Tensor]:
    """One step of a graded neuron: v <- decay * v + I;  s = step * clip(round(v / step), 0, D);  v <- v - s.

    Args:
        membrane: v before the step, any shape.
        current: I, the same shape.
        decay: share of the membrane that is left.
        dynamics: levels, step and gradient.

    Returns:
        The membrane after the reset, and the graded spikes: multiples of `step` from 0 to D * step.

    Example:
        >>> graded_step(torch.zeros(3), torch.tensor([-1.0, 1.2, 5.0]))
        (tensor([-1.0000,  0.2000,  1.0000]), tensor([0., 1., 4.]))
    """
    before = membrane if dynamics.temporal_gradient else membrane.detach()
    membrane = before * decay + current
    spikes = graded_spike(membrane, dynamics)
    return membrane - (spikes.detach() if dynamics.detach_reset else spikes), spikes
