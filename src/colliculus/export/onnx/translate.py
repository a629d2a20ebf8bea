"""Neurons as ONNX operations, one after another over T steps; in PyTorch each is a single operation of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import FLOAT, opset20

import colliculus.neurons.kernels.compiled  # noqa: F401 # pyright: ignore[reportUnusedImport] # registers our operations

OPSET = 20
"""Version of the ONNX operations."""

Value = Any
"""A tensor in the ONNX graph, which has no type of its own in onnxscript."""
op: Any = opset20


def leaky(  # noqa: PLR0917 (an operation's arguments are a list)
    currents: Value,
    leak: Value,
    steps: int,
    threshold: float,
    reset: str,
    detach_reset: bool,  # noqa: ARG001 (it is of the gradient, like all that follow)
    temporal_gradient: bool,  # noqa: ARG001
    surrogate: str,  # noqa: ARG001
    shape: float,  # noqa: ARG001
) -> Value:
    """The steps of `lif_step`, from v = 0; every operation rounds as it does in PyTorch."""
    rate, level, zero = op.Cast(leak, to=FLOAT.dtype), number(threshold), number(0.0)
    membrane, found = None, list[Value]()
    for current in _by_step(currents, steps):
        if membrane is None:
            membrane = op.Mul(current, rate)
        else:
            membrane = op.Add(membrane, op.Mul(op.Sub(current, membrane), rate))
        fired = op.GreaterOrEqual(membrane, level)
        spikes = op.Cast(fired, to=FLOAT.dtype)
        membrane = op.Where(fired, zero, membrane) if reset == "hard" else op.Sub(membrane, op.Mul(level, spikes))
        found.append(spikes)
    return op.Concat(*found, axis=0)


def graded(
    currents: Value,
    decay: float,
    steps: int,
    levels: int,
    step: float,
    detach_reset: bool,  # noqa: ARG001
    temporal_gradient: bool,  # noqa: ARG001
) -> Value:
    """The steps of `graded_step`, from v = 0."""
    membrane, found = None, list[Value]()
    for current in _by_step(currents, steps):
        membrane = current if membrane is None else op.Add(op.Mul(membrane, number(decay)), current)
        spikes = _graded_spikes(membrane, levels, step)
        membrane = op.Sub(membrane, spikes)
        found.append(spikes)
    return op.Concat(*found, axis=0)


def _graded_spikes(membrane: Value, levels: int, step: float) -> Value:
    """step * clip(round(v / step), 0, D), where a half is rounded up."""
    scaled = op.Mul(membrane, number(1 / step))
    whole = op.Floor(scaled)
    up = op.Cast(op.GreaterOrEqual(op.Sub(scaled, whole), number(0.5)), to=FLOAT.dtype)
    return op.Mul(op.Clip(op.Add(whole, up), number(0.0), number(float(levels))), number(step))


def number(value: float) -> Value:
    """A constant."""
    return op.Constant(value_float=value)


def _by_step(currents: Value, steps: int) -> list[Value]:
    """The currents of each step, (1, B, *)."""
    if currents.shape[0] == 1:
        return [currents] * steps
    return list(op.Split(currents, num_outputs=steps, axis=0))


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.colliculus.multi_step.default: leaky,
    torch.ops.colliculus.graded_multi_step.default: graded,
}
"""Our operations in PyTorch, and their translations."""
