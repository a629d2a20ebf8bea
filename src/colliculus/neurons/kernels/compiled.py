"""The multi-step neuron under `torch.compile`: one opaque operation, which the compiler does not trace.

A traced loop over time took minutes to compile and ran slower than an eager one. Outside of compiled functions none of
this is used, because the dispatcher takes longer than a small neuron.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from colliculus.neurons.dynamics import Dynamics
from colliculus.neurons.kernels import plain
from colliculus.neurons.kernels.analytic import AnyDynamics, Passes
from colliculus.neurons.kernels.choice import KERNELS, kernel_for
from colliculus.neurons.kernels.layout import empty_steps, time_first
from colliculus.neurons.levels import GradedDynamics
from colliculus.neurons.surrogate import SURROGATES, shape_of


def run(currents: Tensor, leak: float | Tensor, dynamics: AnyDynamics, steps: int) -> Tensor:
    """Spikes (steps, *) of currents (steps, *) or (1, *); the compiler traces a surrogate that is not built in."""
    if is_exporting():
        return plain.run(currents, leak, dynamics, steps)
    if isinstance(dynamics, GradedDynamics):
        options = dynamics.levels, dynamics.step, dynamics.detach_reset, dynamics.temporal_gradient
        return graded_multi_step(currents, float(leak), steps, *options)
    if (shape := shape_of(dynamics.surrogate)) is None:
        return plain.run(currents, leak, dynamics, steps)
    leak = leak if isinstance(leak, Tensor) else torch.full((), leak, dtype=torch.float64)
    flags = dynamics.threshold, dynamics.reset, dynamics.detach_reset, dynamics.temporal_gradient
    return multi_step(currents, leak, steps, *flags, *shape)


_WHOLE = ContextVar("neurons_stay_whole", default=False)


@contextmanager
def neurons_stay_whole() -> Generator[None]:
    """Within this context an exported graph keeps every neuron as one operation, for a translator that knows it."""
    token = _WHOLE.set(True)
    try:
        yield
    finally:
        _WHOLE.reset(token)


def is_exporting() -> bool:
    """True if the graph is exported (torch.export) to programs that do not know our operations."""
    return getattr(torch.compiler, "is_exporting", lambda: False)() and not _WHOLE.get()


@torch.library.custom_op("colliculus::multi_step", mutates_args=())
def multi_step(  # noqa: PLR0917 (an operation's arguments are a list)
    currents: Tensor,
    leak: Tensor,
    steps: int,
    threshold: float,
    reset: str,
    detach_reset: bool,
    temporal_gradient: bool,
    surrogate: str,
    shape: float,
) -> Tensor:
    """Spikes; the options are those of `Dynamics` as plain values, which the dispatcher needs."""
    dynamics = _dynamics(threshold, reset, detach_reset, temporal_gradient, surrogate, shape)
    return _passes(currents, leak, dynamics).forward(currents, leak, dynamics, steps, keep=False, membrane=None)[0]


@multi_step.register_fake
def _(currents: Tensor, leak: Tensor, steps: int, *options: object) -> Tensor:  # noqa: ARG001
    return empty_steps(time_first(currents), steps)


@torch.library.custom_op("colliculus::multi_step_backward", mutates_args=())
def multi_step_backward(  # noqa: PLR0917
    grad: Tensor,
    currents: Tensor,
    leak: Tensor,
    wants_leak: bool,
    threshold: float,
    reset: str,
    detach_reset: bool,
    temporal_gradient: bool,
    surrogate: str,
    shape: float,
) -> tuple[Tensor, Tensor]:
    """Gradients of currents and leak (zero unless wanted), from the currents only."""
    dynamics = _dynamics(threshold, reset, detach_reset, temporal_gradient, surrogate, shape)
    passes = _passes(currents, leak, dynamics)
    kept = (
        currents
        if passes.recomputes
        else passes.forward(currents, leak, dynamics, grad.shape[0], keep=True, membrane=None)[1]
    )
    static = currents.shape[0] == 1
    of_currents, of_leak = passes.backward(grad, kept, leak, dynamics, static=static, wants_leak=wants_leak)
    return of_currents, torch.zeros_like(leak) if of_leak is None else of_leak


@multi_step_backward.register_fake
def _(grad: Tensor, currents: Tensor, leak: Tensor, *options: object) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    return empty_steps(time_first(currents), currents.shape[0]), torch.empty_like(leak)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    ctx.save_for_backward(*inputs[:2])
    ctx.options = inputs[3:]


def _backward(ctx: Any, grad: Tensor) -> Sequence[Tensor | None]:
    currents, leak = ctx.saved_tensors
    wants_leak = bool(ctx.needs_input_grad[1])
    of_currents, of_leak = multi_step_backward(grad, currents, leak, wants_leak, *ctx.options)
    return of_currents, of_leak if wants_leak else None, *[None] * (1 + len(ctx.options))


multi_step.register_autograd(_backward, setup_context=_remember)


@torch.library.custom_op("colliculus::graded_multi_step", mutates_args=())
def graded_multi_step(
    currents: Tensor,
    decay: float,
    steps: int,
    levels: int,
    step: float,
    detach_reset: bool,
    temporal_gradient: bool,
) -> Tensor:
    """Graded spikes; the options are those of `GradedDynamics`."""
    dynamics = _graded(levels, step, detach_reset, temporal_gradient)
    return _passes(currents, decay, dynamics).forward(currents, decay, dynamics, steps, keep=False, membrane=None)[0]


@graded_multi_step.register_fake
def _(currents: Tensor, decay: float, steps: int, *options: object) -> Tensor:  # noqa: ARG001
    return empty_steps(time_first(currents), steps)


@torch.library.custom_op("colliculus::graded_multi_step_backward", mutates_args=())
def graded_multi_step_backward(
    grad: Tensor,
    currents: Tensor,
    decay: float,
    levels: int,
    step: float,
    detach_reset: bool,
    temporal_gradient: bool,
) -> Tensor:
    """Gradient of the currents, from the currents only."""
    dynamics = _graded(levels, step, detach_reset, temporal_gradient)
    passes = _passes(currents, decay, dynamics)
    kept = (
        currents
        if passes.recomputes
        else passes.forward(currents, decay, dynamics, grad.shape[0], keep=True, membrane=None)[1]
    )
    return passes.backward(grad, kept, decay, dynamics, static=currents.shape[0] == 1, wants_leak=False)[0]


@graded_multi_step_backward.register_fake
def _(grad: Tensor, currents: Tensor, *options: object) -> Tensor:  # noqa: ARG001
    return empty_steps(time_first(currents), currents.shape[0])


def _remember_graded(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    currents, decay, _, *options = inputs
    ctx.save_for_backward(currents)
    ctx.options = decay, *options


def _backward_graded(ctx: Any, grad: Tensor) -> Sequence[Tensor | None]:
    (currents,) = ctx.saved_tensors
    return graded_multi_step_backward(grad, currents, *ctx.options), *[None] * (1 + len(ctx.options))


graded_multi_step.register_autograd(_backward_graded, setup_context=_remember_graded)


def _graded(levels: int, step: float, detach_reset: bool, temporal_gradient: bool) -> GradedDynamics:
    return GradedDynamics(levels=levels, step=step, detach_reset=detach_reset, temporal_gradient=temporal_gradient)


def _dynamics(
    threshold: float, reset: Any, detach_reset: bool, temporal_gradient: bool, surrogate: Any, shape: float
) -> Dynamics:
    return Dynamics(
        threshold=threshold,
        reset=reset,
        detach_reset=detach_reset,
        temporal_gradient=temporal_gradient,
        surrogate=SURROGATES[surrogate](shape),
    )


def _passes(currents: Tensor, leak: float | Tensor, dynamics: AnyDynamics) -> Passes:
    """The passes of the kernel in use; the loop has none, so that the eager ones replace it."""
    passes = kernel_for(currents, leak, dynamics).passes(dynamics) or KERNELS["eager"].passes(dynamics)
    assert passes is not None  # noqa: S101
    return passes
