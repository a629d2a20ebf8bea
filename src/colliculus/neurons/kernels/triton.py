"""The multi-step neuron in Triton, for CUDA: a program follows its columns through all T steps in registers.

Only the currents are stored for the backward pass. With gradient through time it first computes the membranes again: of
up to `SHORT` steps they stay in registers; of more they go into the memory of the gradient, which then replaces them. A
leak that is not learned is a constant of the kernel, so that no call fills a tensor with it. Rounding is that of
PyTorch's single operations (`enable_fp_fusion=False`), so that all spikes are equal.
"""

from __future__ import annotations

import os

import torch
import triton
import triton.language as tl
from torch import Tensor

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.kernels.analytic import SURROGATE_NUMBERS, Passes, has_numbers
from colliculus.neurons.kernels.layout import empty_steps, laid_out_as, rows, time_first
from colliculus.neurons.surrogate import shape_of

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""True if Triton runs these kernels in Python on any tensor, for tests without a GPU."""
COLUMNS = 512
"""Columns of a program."""
SHORT = 16
"""Most steps whose membranes fit into registers."""
NUMBERS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
"""dtypes that these kernels read and write; the membrane is float32 or float64."""
WIDE = {torch.float32: tl.float32, torch.float64: tl.float64}


@triton.jit
def bump_of(x, shape: tl.constexpr, surrogate: tl.constexpr):
    """Surrogate gradient of the spike at v - threshold = x."""
    if surrogate == 0:
        e = tl.exp(-tl.abs(x * shape))
        b = shape * e / ((1 + e) * (1 + e))
    elif surrogate == 1:
        y = 1.5707963267948966 * shape * x
        b = shape / 2 / (1 + y * y)
    elif surrogate == 2:
        y = 1 - tl.abs(x) / shape
        b = tl.where(y < 0, 0.0, y) / shape
    else:
        b = tl.where(tl.abs(x) < shape / 2, 1.0, 0.0) / shape
    return b


@triton.jit
def after_reset(v, threshold: tl.constexpr, soft: tl.constexpr):
    """Membrane after the reset."""
    return tl.where(v >= threshold, v - threshold if soft else tl.zeros_like(v), v)


@triton.jit
def _leak(leak, fixed: tl.constexpr, wide: tl.constexpr):
    return tl.load(leak).to(wide) if fixed is None else tl.full((1,), fixed, wide)


@triton.jit
def through_time(
    d, later, v, b, a, threshold: tl.constexpr, soft: tl.constexpr, detach: tl.constexpr, wide: tl.constexpr
):
    """Gradient of the membrane before the reset, with that of the later steps, and what it hands to the step before."""
    kept = tl.where(v >= threshold, 1.0 if soft else 0.0, 1.0).to(wide)
    if not detach:
        kept -= b * (threshold if soft else v)
    d += later * kept
    return d, d - d * a


@triton.jit
def _forward_kernel(
    currents, spikes, membrane, leak, n, stride,
    steps: tl.constexpr, fixed: tl.constexpr, threshold: tl.constexpr, soft: tl.constexpr, carries: tl.constexpr,
    wide: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * columns + tl.arange(0, columns)
    inside = at < n
    a = _leak(leak, fixed, wide)
    v = tl.load(membrane + at, inside, other=0) if carries else tl.zeros((columns,), wide)
    for t in range(steps):
        current = tl.load(currents + t * stride + at, inside, other=0).to(wide)
        v = v + (current - v) * a
        tl.store(spikes + t * n + at, (v >= threshold).to(wide).to(spikes.dtype.element_ty), inside)
        v = after_reset(v, threshold, soft)
    if carries:
        tl.store(membrane + at, v, inside)


@triton.jit
def _backward_kernel(
    currents, grads, out, membranes, of_leak, leak, n, stride,
    steps: tl.constexpr, fixed: tl.constexpr, threshold: tl.constexpr, soft: tl.constexpr, static: tl.constexpr,
    detach: tl.constexpr, through: tl.constexpr, wants_leak: tl.constexpr, surrogate: tl.constexpr,
    shape: tl.constexpr, wide: tl.constexpr, columns: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * columns + tl.arange(0, columns)
    inside = at < n
    a = _leak(leak, fixed, wide)
    v = tl.zeros((columns,), wide)
    later = tl.zeros((columns,), wide)
    total = tl.zeros((columns,), wide)
    drive = tl.zeros((columns,), wide)
    if through:  # the membranes of all steps first: each program reads only what it wrote itself
        for t in range(steps):
            current = tl.load(currents + t * stride + at, inside, other=0).to(wide)
            v = v + (current - v) * a
            tl.store(membranes + t * n + at, v, inside)
            v = after_reset(v, threshold, soft)
    for step in range(steps):
        t = steps - 1 - step if through else step
        current = tl.load(currents + t * stride + at, inside, other=0).to(wide)
        if through:
            earlier = tl.load(membranes + tl.maximum(t - 1, 0) * n + at, inside, other=0)
            before = tl.where(t > 0, after_reset(earlier, threshold, soft), 0.0)
            v = tl.load(membranes + t * n + at, inside, other=0)
        else:
            before = v
            v = before + (current - before) * a
        b = bump_of(v - threshold, shape, surrogate)
        d = tl.load(grads + t * n + at, inside, other=0).to(wide) * b
        if through:
            d, later = through_time(d, later, v, b, a, threshold, soft, detach, wide)
        else:
            v = after_reset(v, threshold, soft)
        if wants_leak:
            drive += d * (current - before)
        if static:
            total += d * a
        else:
            tl.store(out + t * n + at, (d * a).to(out.dtype.element_ty), inside)
    if static:
        tl.store(out + at, total.to(out.dtype.element_ty), inside)
    if wants_leak:
        tl.store(of_leak + at, drive, inside)


@triton.jit
def _short_backward_kernel(
    currents, grads, out, of_leak, leak, n, stride,
    steps: tl.constexpr, fixed: tl.constexpr, threshold: tl.constexpr, soft: tl.constexpr, static: tl.constexpr,
    detach: tl.constexpr, wants_leak: tl.constexpr, surrogate: tl.constexpr, shape: tl.constexpr, wide: tl.constexpr,
    columns: tl.constexpr,
):  # fmt: skip
    """The gradient through time of a few steps: unrolled, so that the membranes of all of them are registers."""
    at = tl.program_id(0).to(tl.int64) * columns + tl.arange(0, columns)
    inside = at < n
    a = _leak(leak, fixed, wide)
    v = tl.zeros((columns,), wide)
    membranes = ()
    for t in tl.static_range(steps):
        current = tl.load(currents + t * stride + at, inside, other=0).to(wide)
        v = v + (current - v) * a
        membranes = membranes + (v,)  # noqa: RUF005 (Triton knows neither form)
        v = after_reset(v, threshold, soft)
    later = tl.zeros((columns,), wide)
    total = tl.zeros((columns,), wide)
    drive = tl.zeros((columns,), wide)
    for t in tl.static_range(steps - 1, -1, -1):
        v = membranes[t]
        b = bump_of(v - threshold, shape, surrogate)
        d = tl.load(grads + t * n + at, inside, other=0).to(wide) * b
        d, later = through_time(d, later, v, b, a, threshold, soft, detach, wide)
        if wants_leak:
            before = after_reset(membranes[t - 1], threshold, soft) if t > 0 else tl.zeros((columns,), wide)
            drive += d * (tl.load(currents + t * stride + at, inside, other=0).to(wide) - before)
        if static:
            total += d * a
        else:
            tl.store(out + t * n + at, (d * a).to(out.dtype.element_ty), inside)
    if static:
        tl.store(out + at, total.to(out.dtype.element_ty), inside)
    if wants_leak:
        tl.store(of_leak + at, drive, inside)


def takes(currents: Tensor, leak: float | Tensor, dynamics: Dynamics) -> bool:
    """True if this kernel can compute a call."""
    return (currents.is_cuda or INTERPRETED) and currents.dtype in NUMBERS and has_numbers(leak, dynamics)


def forward(
    currents: Tensor,
    leak: float | Tensor,
    dynamics: Dynamics,
    steps: int,
    *,
    keep: bool,  # noqa: ARG001 (the currents are stored in any case)
    membrane: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Spikes (steps, *), and the currents in their memory layout."""
    currents = time_first(currents)
    spikes = empty_steps(currents, steps)
    grid, stride, n = grid_of(currents)
    _forward_kernel[grid](
        currents, spikes, spikes if membrane is None else membrane, on_device(leak, currents), n, stride,
        steps=steps, fixed=fixed(leak), threshold=dynamics.threshold, soft=dynamics.reset == "soft",
        carries=membrane is not None, wide=WIDE[wide_of(currents)], columns=COLUMNS, enable_fp_fusion=False,
    )  # fmt: skip
    return spikes, currents


def backward(
    grad: Tensor, kept: Tensor, leak: float | Tensor, dynamics: Dynamics, *, static: bool, wants_leak: bool
) -> tuple[Tensor, Tensor | None]:
    """Gradients of the currents and of the leak."""
    kept = time_first(kept)
    grad = laid_out_as(grad, kept)
    of_currents = torch.empty_like(kept)
    grid, stride, n = grid_of(kept)
    of_leak = torch.empty(n if wants_leak else 1, dtype=wide_of(kept), device=kept.device)
    name, shape = shape_of(dynamics.surrogate) or ("", 0.0)
    options = {
        "steps": grad.shape[0], "fixed": fixed(leak), "threshold": dynamics.threshold, "soft": dynamics.reset == "soft",
        "static": static, "detach": dynamics.detach_reset, "wants_leak": wants_leak,
        "surrogate": SURROGATE_NUMBERS[name], "shape": shape, "wide": WIDE[wide_of(kept)], "columns": COLUMNS,
        "enable_fp_fusion": False,
    }  # fmt: skip
    if dynamics.temporal_gradient and grad.shape[0] <= SHORT:
        _short_backward_kernel[grid](kept, grad, of_currents, of_leak, on_device(leak, kept), n, stride, **options)
    else:
        own = dynamics.temporal_gradient and (static or kept.dtype != wide_of(kept))
        membranes = torch.empty_like(grad, dtype=wide_of(kept)) if own else of_currents
        _backward_kernel[grid](
            kept, grad, of_currents, membranes, of_leak, on_device(leak, kept), n, stride,
            through=dynamics.temporal_gradient, **options,
        )  # fmt: skip
    if not (isinstance(leak, Tensor) and wants_leak):
        return of_currents, None
    return of_currents, of_leak.sum(dtype=torch.float64).to(leak).reshape(leak.shape)


def grid_of(currents: Tensor) -> tuple[tuple[int], int, int]:
    """Number of programs, distance between the rows of two steps (0 if static), and number of columns."""
    n = rows(currents).shape[1]
    return (triton.cdiv(n, COLUMNS),), n if currents.shape[0] > 1 else 0, n


def on_device(leak: float | Tensor, currents: Tensor) -> Tensor:
    """A learned leak in the form that the kernel reads, still on the GPU; for a fixed one any tensor."""
    return leak.detach().to(currents.device, wide_of(currents)).reshape(1) if isinstance(leak, Tensor) else currents


def fixed(leak: float | Tensor) -> float | None:
    """A leak that is a constant of the kernel; None for a learned one."""
    return None if isinstance(leak, Tensor) else leak


def wide_of(currents: Tensor) -> torch.dtype:
    """dtype of the membrane."""
    return torch.float64 if currents.dtype == torch.float64 else torch.float32


PASSES = Passes(forward=forward, backward=backward, takes=takes, recomputes=True)
