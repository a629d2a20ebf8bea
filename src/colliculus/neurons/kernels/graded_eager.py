"""The graded neuron over T steps in PyTorch, without a compiler, in place and block by block (see eager.py).

With m = 1 where 0 <= v / step <= D, else 0, and r the gradient of the membrane after the reset, the backward pass is

    dL/dI(t) = dL/dv(t) = dL/ds(t) * m(t) + r(t) * k(t)      k: 1 if the reset is detached, else 1 - m
    r(t-1) = dL/dv(t) * decay

and without temporal gradient r is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colliculus.neurons.kernels.analytic import Passes
from colliculus.neurons.kernels.layout import Rows, blocks, empty_steps, laid_out_as, membranes_for, time_first
from colliculus.neurons.levels import GradedDynamics


def forward(
    currents: Tensor,
    leak: float | Tensor,
    dynamics: GradedDynamics,
    steps: int,
    *,
    keep: bool,
    membrane: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Spikes and the membranes before the reset, (steps, *) both; the leak is the decay."""
    currents = time_first(currents)
    spikes, kept = empty_steps(currents, steps), empty_steps(currents, steps if keep else 1)
    starts = membranes_for(currents, None) if membrane is None else membrane
    parts = zip(blocks(currents), blocks(kept), blocks(spikes), blocks(starts[None]), strict=True)
    for current, membranes, fired, (left,) in parts:
        whole = torch.empty_like(left)
        for t in range(steps):
            v = membranes[t if keep else 0]
            torch.mul(left, leak, out=v).add_(current[t if len(current) > 1 else 0])
            _level(v, dynamics, whole, out=fired[t]).mul_(dynamics.step)
            torch.sub(v, fired[t], out=left)
    return spikes, kept


def backward(
    grad: Tensor,
    kept: Tensor,
    leak: float | Tensor,
    dynamics: GradedDynamics,
    *,
    static: bool,
    wants_leak: bool,  # noqa: ARG001 (the decay is a number)
) -> tuple[Tensor, None]:
    """Gradient of the currents."""
    grad = laid_out_as(grad, kept)
    of_currents = empty_steps(kept, 1).zero_() if static else empty_steps(kept, kept.shape[0])
    for g, v, out in zip(blocks(grad), blocks(kept), blocks(of_currents), strict=True):
        _back_through_time(g, v, out, float(leak), dynamics, static=static)
    return of_currents, None


def _back_through_time(grad: Rows, v: Rows, out: Rows, decay: float, dynamics: GradedDynamics, *, static: bool) -> None:
    """One block from the last step to the first."""
    later, inside = torch.zeros_like(v[0]), torch.empty_like(v[0])
    for t in reversed(range(len(v))):
        _inside(v[t], dynamics, out=inside)
        d = grad[t] * inside
        if dynamics.temporal_gradient:  # `later` is dL/dv(t+1) * decay
            d.add_(later if dynamics.detach_reset else later.mul_(1 - inside))
            torch.mul(d, decay, out=later)
        if static:
            out[0].add_(d)
        else:
            out[t].copy_(d)


def _level(v: Tensor, dynamics: GradedDynamics, whole: Tensor, out: Tensor) -> Tensor:
    """clip(round(v / step), 0, D), a half rounded up; `whole` is memory to work in."""
    torch.mul(v, dynamics.per_step, out=out)
    torch.floor(out, out=whole)
    return out.sub_(whole).ge_(0.5).add_(whole).clamp_(0, dynamics.levels)


def _inside(v: Tensor, dynamics: GradedDynamics, out: Tensor) -> Tensor:
    """m, 1 where 0 <= v / step <= D, else 0."""
    u = v * dynamics.per_step
    return torch.logical_and(u >= 0, u <= dynamics.levels, out=out)


PASSES = Passes(
    forward=forward, backward=backward, takes=lambda _x, leak, _dynamics: isinstance(leak, float), recomputes=False
)
