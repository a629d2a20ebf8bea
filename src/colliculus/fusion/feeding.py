"""An exchange that the task trains: residuals of a known size, and an alignment that does not outweigh the task."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class SameSize(nn.Module):
    """Multiplies a residual by the ratio rms(tokens) / rms(residual), so that both have the same size.

    In training the ratio is that of the batch, a constant for the gradient. Its running mean is used in evaluation,
    where the layer is therefore a constant factor. A silent residual stays silent.

    Args:
        momentum: share of a batch in the running mean.

    Example:
        >>> residual, tokens = 0.1 * torch.ones(4, 2, 8, 9), 2 * torch.ones(4, 2, 8, 9)
        >>> SameSize()(residual, tokens).unique()
        tensor([2.])
    """

    ratio: Tensor
    seen: Tensor

    def __init__(self, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("ratio", torch.tensor(1.0))
        self.register_buffer("seen", torch.tensor(False))

    def forward(self, residual: Tensor, tokens: Tensor) -> Tensor:
        """Residual and tokens (T, B, D, N) -> scaled residual (T, B, D, N)."""
        if not self.training:
            return residual * self.ratio
        with torch.no_grad():
            size = rms(residual)
            ratio = torch.where(size > 0, rms(tokens) / size.clamp(min=torch.finfo(size.dtype).tiny), self.ratio)
            self.ratio.copy_(torch.where(self.seen, torch.lerp(self.ratio, ratio, self.momentum), ratio))
            self.seen.logical_or_(size > 0)
        return residual * ratio


def rms(x: Tensor) -> Tensor:
    """Root of the mean square of all values, in float32 or wider.

    Example:
        >>> rms(torch.tensor([3.0, -3.0]))
        tensor(3.)
    """
    return x.detach().to(torch.promote_types(x.dtype, torch.float32)).square().mean().sqrt()


class _Capped(torch.autograd.Function):
    """Two copies of x; the gradient of the second is shortened to at most the length of that of the first."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        return x.view_as(x), x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor | None) -> Tensor | None:  # noqa: ARG004
        task, other = grad_outputs
        if task is None or other is None:
            return other if task is None else task
        factor = (task.norm() / other.norm().clamp(min=torch.finfo(other.dtype).tiny)).clamp(max=1.0)
        return task + factor * other


def capped(x: Tensor) -> tuple[Tensor, Tensor]:
    """`x` for the task, and `x` for another loss whose gradient is at most as long as that of the task.

    Where only one of them has a gradient, as when losses are differentiated one by one, it passes unchanged.

    Example:
        >>> x = torch.zeros(2, requires_grad=True)
        >>> task, other = capped(x)
        >>> (task[0] + 8 * other[1]).backward()
        >>> x.grad
        tensor([1., 1.])
    """
    return _Capped.apply(x)  # type: ignore[no-any-return, no-untyped-call]
