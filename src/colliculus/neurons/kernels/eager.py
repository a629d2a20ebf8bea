"""The multi-step neuron in PyTorch, without a compiler: few operations, in place, on blocks that stay in the cache.

The forward pass stores v before the reset, 4 bytes per element, from which spikes and surrogate can be computed again.
With b = surrogate'(v - threshold) and r the gradient of the membrane after the reset, the backward pass is

    d(t) = dL/dv(t) = dL/ds(t) * b(t) + r(t) * k(t)      k: derivative of the reset, see `_kept`
    dL/dI(t) = d(t) * leak,  r(t-1) = d(t) * (1 - leak),  dL/dleak = sum_t d(t) * (I(t) - v after the reset at t-1)

and without temporal gradient r is 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from math import frexp

import torch
from torch import Tensor

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.kernels.analytic import Passes
from colliculus.neurons.kernels.layout import (
    Rows,
    blocks,
    empty_steps,
    laid_out_as,
    membranes_for,
    rows,
    time_first,
    width,
)
from colliculus.neurons.surrogate import Sigmoid


def forward(
    currents: Tensor,
    leak: float | Tensor,
    dynamics: Dynamics,
    steps: int,
    *,
    keep: bool,
    membrane: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Spikes and the membranes before the reset, (steps, *) both."""
    currents = time_first(currents)
    spikes, kept = empty_steps(currents, steps), empty_steps(currents, steps if keep else 1)
    starts = membranes_for(currents, None) if membrane is None else membrane
    parts = zip(
        blocks(currents), blocks(kept), blocks(spikes), blocks(starts[None]), _leak_blocks(leak, currents), strict=False
    )
    for current, membranes, fired, (before,), a in parts:
        for t in range(steps):
            v = membranes[t if keep else 0]
            _integrate(before, current[t if len(current) > 1 else 0], a, out=v)
            torch.ge(v, dynamics.threshold, out=fired[t])
            _after_reset(v, fired[t], dynamics, out=before)
    return spikes, kept


def backward(
    grad: Tensor, kept: Tensor, leak: float | Tensor, dynamics: Dynamics, *, static: bool, wants_leak: bool
) -> tuple[Tensor, Tensor | None]:
    """Gradients of the currents and of the leak."""
    grad = laid_out_as(grad, kept)
    of_currents = empty_steps(kept, 1).zero_() if static else empty_steps(kept, kept.shape[0])
    alone = not (dynamics.temporal_gradient or static or wants_leak)
    of_leak: list[Tensor] = []
    parts = zip(blocks(grad), blocks(kept), blocks(of_currents), _leak_blocks(leak, kept), strict=False)
    for g, v, out, a in parts:
        if alone:  # only the result is needed: compute it in its own memory
            for t in range(len(v)):
                out[t].mul_(a * _through_spike(g[t], v[t], dynamics, scratch=out[t], out=out[t]))
            continue
        of_leak.append(_back_through_time(g, v, out, a, dynamics, static=static, wants_leak=wants_leak))
    return of_currents, _gathered(of_leak, leak, kept) if isinstance(leak, Tensor) and wants_leak else None


def _back_through_time(
    grad: Rows, v: Rows, out: Rows, leak: float | Tensor, dynamics: Dynamics, *, static: bool, wants_leak: bool
) -> Tensor:
    """One block from the last step to the first; returns its columns' part of the gradient of the leak."""
    drive, later, d, x = (torch.zeros_like(v[0]) for _ in range(4))
    for t in reversed(range(len(v))):
        unit = _through_spike(grad[t], v[t], dynamics, scratch=x, out=d)
        if dynamics.temporal_gradient:  # `later` is d(t+1), in the same unit
            k = _kept(v[t], dynamics, out=x)
            if isinstance(leak, Tensor):
                d.addcmul_(later, k.mul_(1 - leak))
            else:
                d.addcmul_(later, k, value=1 - leak)
        if wants_leak:
            drive.addcmul_(d, _driven(v, t, dynamics), value=unit)
        if static:
            out[0].add_(d * leak, alpha=unit)
        else:
            torch.mul(d, leak * unit, out=out[t])
        d, later = later, d
    return drive.div_(leak)


def _integrate(before: Tensor, current: Tensor, leak: float | Tensor, out: Tensor) -> None:
    """v + (I - v) * leak, rounded after every operation; an exact product by a power of two needs no own operation."""
    torch.sub(current, before, out=out)
    if isinstance(leak, float) and frexp(leak)[0] == 0.5:
        torch.add(before, out, alpha=leak, out=out)
    else:
        out.mul_(leak).add_(before)


def _through_spike(grad: Tensor, v: Tensor, dynamics: Dynamics, scratch: Tensor, out: Tensor) -> float:
    """grad * surrogate'(v - threshold) into `out`, in units of the returned number.

    The sigmoid's own gradient is one pass in PyTorch, where its formula takes five; it is even, so x may change sign.
    """
    surrogate, threshold = dynamics.surrogate, dynamics.threshold
    if isinstance(surrogate, Sigmoid):
        middle = torch.tensor(surrogate.slope * threshold, dtype=torch.float64)
        g = torch.sub(middle, v, alpha=surrogate.slope, out=scratch).sigmoid_()
        torch.ops.aten.sigmoid_backward.grad_input(grad, g, grad_input=out)
        return surrogate.slope
    torch.mul(grad, surrogate.derivative(v - threshold), out=out)
    return 1.0


def _after_reset(v: Tensor, fired: Tensor, dynamics: Dynamics, out: Tensor) -> None:
    if dynamics.reset == "hard":
        torch.where(v >= dynamics.threshold, v.new_zeros(()), v, out=out)  # a product would make inf to NaN
    else:
        torch.sub(v, fired, alpha=dynamics.threshold, out=out)


def _kept(v: Tensor, dynamics: Dynamics, out: Tensor) -> Tensor:
    """k: 1 without a spike; after a spike 0 (hard) or 1 (soft); minus the surrogate's part if it is not detached."""
    if dynamics.reset == "soft":
        out.fill_(1)
    else:
        torch.lt(v, dynamics.threshold, out=out)
    if dynamics.detach_reset:
        return out
    taken = v if dynamics.reset == "hard" else dynamics.threshold
    return out.sub_(dynamics.surrogate.derivative(v - dynamics.threshold) * taken)


def _driven(v: Rows, t: int, dynamics: Dynamics) -> Tensor:
    """(I(t) - v after the reset at t-1) * leak, the change of v."""
    if t == 0:
        return v[0]
    before = torch.empty_like(v[t])
    _after_reset(v[t - 1], (v[t - 1] >= dynamics.threshold).to(v[t].dtype), dynamics, out=before)
    return v[t] - before


def _leak_blocks(leak: float | Tensor, x: Tensor) -> Iterable[float | Tensor]:
    """The leak of each block of columns."""
    if not isinstance(leak, Tensor) or leak.numel() == 1:
        return repeat(float(leak))
    full = empty_steps(x, 1)
    full.copy_(leak.detach().expand(full.shape))
    return rows(full)[0].split(width(x))


def _gathered(found: list[Tensor], leak: Tensor, x: Tensor) -> Tensor:
    """The gradient of the leak from the parts of all columns."""
    if leak.numel() == 1:
        return torch.stack([block.sum(dtype=torch.float64) for block in found]).sum().to(leak).reshape(leak.shape)
    full = empty_steps(x, 1)
    torch.cat(found, out=rows(full)[0])
    return full[0].sum_to_size(leak.shape).to(leak.dtype)


PASSES = Passes(forward=forward, backward=backward, takes=lambda _x, _leak, _dynamics: True, recomputes=False)
