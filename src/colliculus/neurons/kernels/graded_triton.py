"""The graded multi-step neuron in Triton, for CUDA; what holds for the leaky one in triton.py holds here too."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from colliculus.neurons.kernels.analytic import Passes
from colliculus.neurons.kernels.layout import empty_steps, laid_out_as, time_first
from colliculus.neurons.kernels.triton import COLUMNS, INTERPRETED, NUMBERS, SHORT, WIDE, grid_of, wide_of
from colliculus.neurons.levels import GradedDynamics


@triton.jit
def _spike(v, step: tl.constexpr, per_step: tl.constexpr, levels: tl.constexpr):
    """step * clip(round(v / step), 0, levels), a half rounded up; NaN stays NaN."""
    u = v * per_step
    whole = tl.floor(u)
    level = whole + tl.where(u - whole >= 0.5, 1.0, 0.0)
    level = tl.where(level < 0, tl.zeros_like(level), tl.where(level > levels, tl.zeros_like(level) + levels, level))
    return level * step


@triton.jit
def _forward_kernel(
    currents, spikes, membrane, n, stride,
    steps: tl.constexpr, decay: tl.constexpr, step: tl.constexpr, per_step: tl.constexpr, levels: tl.constexpr,
    carries: tl.constexpr, wide: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * columns + tl.arange(0, columns)
    inside = at < n
    a = tl.full((1,), decay, wide)
    left = tl.load(membrane + at, inside, other=0) if carries else tl.zeros((columns,), wide)
    for t in range(steps):
        v = left * a + tl.load(currents + t * stride + at, inside, other=0).to(wide)
        s = _spike(v, step, per_step, levels)
        tl.store(spikes + t * n + at, s.to(spikes.dtype.element_ty), inside)
        left = v - s
    if carries:
        tl.store(membrane + at, left, inside)


@triton.jit
def _backward_kernel(
    currents, grads, out, membranes, n, stride,
    steps: tl.constexpr, decay: tl.constexpr, step: tl.constexpr, per_step: tl.constexpr, levels: tl.constexpr,
    static: tl.constexpr, detach: tl.constexpr, through: tl.constexpr, wide: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * columns + tl.arange(0, columns)
    inside = at < n
    a = tl.full((1,), decay, wide)
    left = tl.zeros((columns,), wide)
    later = tl.zeros((columns,), wide)
    total = tl.zeros((columns,), wide)
    if through:  # the membranes of all steps first: each program reads only what it wrote itself
        for t in range(steps):
            v = left * a + tl.load(currents + t * stride + at, inside, other=0).to(wide)
            tl.store(membranes + t * n + at, v, inside)
            left = v - _spike(v, step, per_step, levels)
    for back in range(steps):
        t = steps - 1 - back if through else back
        if through:
            v = tl.load(membranes + t * n + at, inside, other=0)
        else:
            v = left * a + tl.load(currents + t * stride + at, inside, other=0).to(wide)
            left = v - _spike(v, step, per_step, levels)
        u = v * per_step
        passes = tl.where((u >= 0) & (u <= levels), 1.0, 0.0).to(wide)
        d = tl.load(grads + t * n + at, inside, other=0).to(wide) * passes
        if through:
            d += later if detach else later * (1 - passes)
            later = d * a
        if static:
            total += d
        else:
            tl.store(out + t * n + at, d.to(out.dtype.element_ty), inside)
    if static:
        tl.store(out + at, total.to(out.dtype.element_ty), inside)


@triton.jit
def _short_backward_kernel(
    currents, grads, out, n, stride,
    steps: tl.constexpr, decay: tl.constexpr, step: tl.constexpr, per_step: tl.constexpr, levels: tl.constexpr,
    static: tl.constexpr, detach: tl.constexpr, wide: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    """The gradient through time of a few steps: unrolled, so that the membranes of all of them are registers."""
    at = tl.program_id(0).to(tl.int64) * columns + tl.arange(0, columns)
    inside = at < n
    a = tl.full((1,), decay, wide)
    left = tl.zeros((columns,), wide)
    membranes = ()
    for t in tl.static_range(steps):
        v = left * a + tl.load(currents + t * stride + at, inside, other=0).to(wide)
        membranes = membranes + (v,)  # noqa: RUF005 (Triton knows neither form)
        left = v - _spike(v, step, per_step, levels)
    later = tl.zeros((columns,), wide)
    total = tl.zeros((columns,), wide)
    for t in tl.static_range(steps - 1, -1, -1):
        u = membranes[t] * per_step
        passes = tl.where((u >= 0) & (u <= levels), 1.0, 0.0).to(wide)
        d = tl.load(grads + t * n + at, inside, other=0).to(wide) * passes
        d += later if detach else later * (1 - passes)
        later = d * a
        if static:
            total += d
        else:
            tl.store(out + t * n + at, d.to(out.dtype.element_ty), inside)
    if static:
        tl.store(out + at, total.to(out.dtype.element_ty), inside)


def takes(currents: Tensor, leak: float | Tensor, dynamics: GradedDynamics) -> bool:  # noqa: ARG001
    """True if this kernel can compute a call."""
    return (currents.is_cuda or INTERPRETED) and currents.dtype in NUMBERS and isinstance(leak, float)


def forward(
    currents: Tensor,
    leak: float | Tensor,
    dynamics: GradedDynamics,
    steps: int,
    *,
    keep: bool,  # noqa: ARG001 (the currents are stored in any case)
    membrane: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Spikes (steps, *), and the currents in their memory layout; the leak is the decay."""
    currents = time_first(currents)
    spikes = empty_steps(currents, steps)
    grid, stride, n = grid_of(currents)
    _forward_kernel[grid](
        currents, spikes, spikes if membrane is None else membrane, n, stride,
        steps=steps, decay=leak, step=dynamics.step, per_step=dynamics.per_step, levels=dynamics.levels,
        carries=membrane is not None, wide=WIDE[wide_of(currents)], columns=COLUMNS, enable_fp_fusion=False,
    )  # fmt: skip
    return spikes, currents


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
    kept = time_first(kept)
    grad = laid_out_as(grad, kept)
    of_currents, wide = torch.empty_like(kept), wide_of(kept)
    grid, stride, n = grid_of(kept)
    options = {
        "steps": grad.shape[0], "decay": leak, "step": dynamics.step, "per_step": dynamics.per_step,
        "levels": dynamics.levels, "static": static, "detach": dynamics.detach_reset, "wide": WIDE[wide],
        "columns": COLUMNS, "enable_fp_fusion": False,
    }  # fmt: skip
    if dynamics.temporal_gradient and grad.shape[0] <= SHORT:
        _short_backward_kernel[grid](kept, grad, of_currents, n, stride, **options)
    else:
        own = dynamics.temporal_gradient and (static or kept.dtype != wide)
        membranes = torch.empty_like(grad, dtype=wide) if own else of_currents
        _backward_kernel[grid](
            kept, grad, of_currents, membranes, n, stride, through=dynamics.temporal_gradient, **options
        )
    return of_currents, None


PASSES = Passes(forward=forward, backward=backward, takes=takes, recomputes=True)
