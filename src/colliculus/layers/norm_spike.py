"""From what a convolution gives to spikes: normalisation, neuron, and pooling where there is one."""

from __future__ import annotations

from torch import Tensor, nn

from colliculus.layers import one_sweep
from colliculus.layers.time import stepwise
from colliculus.neurons import SpikingNeuron


def norm_spike(
    values: Tensor, norm: nn.Module, neuron: SpikingNeuron, *, steps: int, still: bool, pool: nn.Module | None = None
) -> Tensor:
    """pool(neuron(norm(values))), in one sweep over memory where that can be (see `one_sweep.takes`).

    Args:
        values: (T * B, C, H, W), or (B, C, H, W) where every step has the same.
        norm: of the channels. Of values that stand still it knows the statistics as if they had come T times.
        neuron: fires.
        steps: T.
        still: whether the values are of one step for all.
        pool: of every frame of spikes; None: they stay as they are.

    Returns:
        Spikes (T, B, C, H', W').

    Example:
        >>> import torch
        >>> from colliculus.neurons import LIF
        >>> norm_spike(torch.rand(2, 8, 5, 5), nn.BatchNorm2d(8), LIF(), steps=4, still=True).shape
        torch.Size([4, 2, 8, 5, 5])
    """
    if isinstance(norm, nn.BatchNorm2d) and one_sweep.takes(values, norm, neuron, pool):
        sweep = one_sweep.Sweep(neuron, steps, pooled=pool is not None, still=still)
        return one_sweep.run(values, norm, sweep).unflatten(0, (steps, -1))
    if still:
        spikes = neuron(_as_if_repeated(values, norm, steps)[None], steps)
    else:
        spikes = neuron(norm(values).unflatten(0, (steps, -1)))
    return spikes if pool is None else stepwise(pool, spikes)


def _as_if_repeated(values: Tensor, norm: nn.Module, times: int) -> Tensor:
    """norm(values), the running variance being that of `times` as many numbers.

    Mean and mean square deviation do not change when every number is there `times` times. The running variance is
    unbiased, the mean square times n / (n - 1), and n does change.
    """
    count = values.numel() // values.shape[1]
    moves = isinstance(norm, nn.BatchNorm2d) and norm.training and norm.running_var is not None
    if not moves or times == 1:
        return norm(values)
    assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101
    assert norm.running_var is not None  # noqa: S101
    if norm.momentum is None or count == 1:  # nothing to correct by: do as the batch would
        return norm(values.repeat(times, *[1] * (values.ndim - 1)))[: len(values)]
    kept = norm.running_var.detach() * (1 - norm.momentum)
    normalised = norm(values)
    moved = norm.running_var.detach() - kept
    # `.data`: the way back holds the running variance, which in training it does not use, and would refuse another one
    norm.running_var.data.copy_(kept + moved * (times * (count - 1) / (times * count - 1)))
    return normalised
