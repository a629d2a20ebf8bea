"""Spikes from the output of a convolution: normalisation, neuron and optional pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colliculus.layers import one_sweep
from colliculus.layers.time import stepwise
from colliculus.neurons import Neuron, carrying


def norm_spike(
    values: Tensor, norm: nn.Module, neuron: Neuron, *, steps: int, static: bool = False, pool: nn.Module | None = None
) -> Tensor:
    """pool(neuron(norm(values))), in one sweep over memory if possible (see `one_sweep.sweep_of`).

    A neuron that keeps the order of its currents (graded at T = 1, or a ReLU) runs after a max-pooling: the result is
    the same, with fewer updates, and the gradient goes to the largest current of a window, not to the first of equal
    spikes.

    Args:
        values: (T * B, C, H, W), or (B, C, H, W) if all steps are equal; tokens are images of one row.
        norm: normalises the channels. For static values its statistics are those of T equal steps.
        neuron: the neuron.
        steps: T.
        static: True if the values are one step that all steps share.
        pool: pooling of every frame of spikes; None leaves them unchanged.

    Returns:
        Spikes (T, B, C, H', W').

    Example:
        >>> import torch
        >>> from colliculus.neurons import LIF
        >>> norm_spike(torch.rand(2, 8, 5, 5), nn.BatchNorm2d(8), LIF(), steps=4, static=True).shape
        torch.Size([4, 2, 8, 5, 5])
    """
    sweep = None
    if isinstance(norm, one_sweep.BatchNorm) and not torch.compiler.is_compiling():  # a compiler fuses them itself
        sweep = one_sweep.sweep_of(values, norm, neuron, pool, steps=steps, static=static)
    if sweep is not None and isinstance(norm, one_sweep.BatchNorm):
        if (carry := carrying()) is None:
            return one_sweep.run(values, norm, sweep).unflatten(0, (steps, -1))
        return carry.through(neuron, lambda v: one_sweep.run_from(values, v, norm, sweep)).unflatten(0, (steps, -1))
    normed = _as_if_repeated(values, norm, steps) if static else _normed(values, norm)
    first = isinstance(pool, nn.MaxPool2d) and neuron.keeps_order(steps)
    currents = pool(normed) if pool is not None and first else normed
    spikes = neuron(currents[None], steps) if static else neuron(currents.unflatten(0, (steps, -1)))
    return spikes if pool is None or first else stepwise(pool, spikes)


def _normed(values: Tensor, norm: nn.Module) -> Tensor:
    """norm(values); the tokens of an image of one row if it is a norm of tokens."""
    return norm(values.squeeze(-2)).unsqueeze(-2) if isinstance(norm, nn.BatchNorm1d) else norm(values)


def _as_if_repeated(values: Tensor, norm: nn.Module, times: int) -> Tensor:
    """norm(values), with the running variance of every number repeated `times` times.

    Repetition changes neither the mean nor the mean square deviation. The running variance is unbiased, the mean square
    times n / (n - 1), and n changes.
    """
    count = values.numel() // values.shape[1]
    moves = isinstance(norm, nn.BatchNorm2d) and norm.training and norm.running_var is not None
    if not moves or times == 1:
        return norm(values)
    assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101
    assert norm.running_var is not None  # noqa: S101
    if norm.momentum is None or count == 1:  # no correction is possible: normalise the repeated batch
        return norm(values.repeat(times, *[1] * (values.ndim - 1)))[: len(values)]
    kept = norm.running_var.detach() * (1 - norm.momentum)
    normalised = norm(values)
    moved = norm.running_var.detach() - kept
    # `.data`: autograd saved the running variance for the backward pass, which does not use it in training
    norm.running_var.data.copy_(kept + moved * (times * (count - 1) / (times * count - 1)))
    return normalised
