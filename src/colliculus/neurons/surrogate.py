"""Surrogate gradients, which replace the derivative of a spike.

A neuron fires when x = v - threshold >= 0. This step has no useful derivative, so the backward pass uses a bump around
x = 0 instead. Every bump here has unit area: it is the derivative of a smooth step from 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

SurrogateName = Literal["sigmoid", "atan", "triangle", "rectangle"]


class Surrogate(Protocol):
    """Replaces the derivative of the spike."""

    def derivative(self, x: Tensor) -> Tensor:
        """Value of the bump at `x` = v - threshold, elementwise."""
        ...


@dataclass(frozen=True)
class Sigmoid:
    """Derivative of a sigmoid: slope * g * (1 - g), g = sigmoid(slope * x) (S-CMRL uses slope 4).

    Example:
        >>> Sigmoid().derivative(torch.zeros(1)).item()
        1.0
    """

    slope: float = 4.0

    def derivative(self, x: Tensor) -> Tensor:
        """The bump at `x`."""
        g = torch.sigmoid(self.slope * x)
        return self.slope * g * (1 - g)


@dataclass(frozen=True)
class ATan:
    """Derivative of an arctangent: (slope / 2) / (1 + (pi / 2 * slope * x)^2) (Fang et al., arXiv 2007.05785)."""

    slope: float = 2.0

    def derivative(self, x: Tensor) -> Tensor:
        """The bump at `x`."""
        return self.slope / 2 / (1 + (math.pi / 2 * self.slope * x).square())


@dataclass(frozen=True)
class Triangle:
    """Tent of half-width `width`: max(0, 1 - |x| / width) / width (Bellec et al., arXiv 1803.09574)."""

    width: float = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        """The bump at `x`."""
        return (1 - x.abs() / self.width).clamp(min=0) / self.width


@dataclass(frozen=True)
class Rectangle:
    """Box of full width `width`: 1 / width where |x| < width / 2 (Wu et al., arXiv 1706.02609)."""

    width: float = 1.0

    def derivative(self, x: Tensor) -> Tensor:
        """The bump at `x`."""
        return (x.abs() < self.width / 2).to(x.dtype) / self.width


SURROGATES: dict[SurrogateName, type[Sigmoid | ATan | Triangle | Rectangle]] = {
    "sigmoid": Sigmoid,
    "atan": ATan,
    "triangle": Triangle,
    "rectangle": Rectangle,
}


class _Spike(torch.autograd.Function):
    """Heaviside step forward, surrogate derivative backward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, surrogate: Surrogate) -> Tensor:
        return (x >= 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Surrogate], output: Tensor) -> None:
        x, ctx.surrogate = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad_outputs[0] * ctx.surrogate.derivative(x), None


def spike(x: Tensor, surrogate: Surrogate) -> Tensor:
    """1 where x >= 0 (equality fires), else 0; `surrogate` gives the gradient.

    Example:
        >>> x = torch.tensor([-0.5, 0.0, 0.5], requires_grad=True)
        >>> spike(x, Rectangle(width=0.5)).detach()
        tensor([0., 1., 1.])
        >>> spike(x, Rectangle(width=0.5)).sum().backward(); x.grad
        tensor([0., 2., 0.])
    """
    return _Spike.apply(x, surrogate)  # type: ignore[no-any-return, no-untyped-call]


def shape_of(surrogate: Surrogate) -> tuple[SurrogateName, float] | None:
    """Name and parameter of a built-in surrogate, for kernels that cannot call Python; None for any other surrogate.

    Example:
        >>> shape_of(Triangle(width=0.5))
        ('triangle', 0.5)
    """
    for name, kind in SURROGATES.items():
        if type(surrogate) is kind:
            return name, next(iter(vars(surrogate).values()))
    return None
