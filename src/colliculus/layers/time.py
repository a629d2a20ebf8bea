"""Time steps as samples of a batch, sums over them, and resampling of sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from colliculus.neurons import carrying
from colliculus.neurons.kernels.choice import is_traced
from colliculus.types import Output

Resampling = Literal["nearest", "linear"]


def stepwise(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a layer without time to all steps at once: (T, B, *) -> (T, B, *); the layer sees T*B samples.

    Example:
        >>> stepwise(torch.nn.Flatten(), torch.zeros(4, 2, 3, 5)).shape
        torch.Size([4, 2, 15])
    """
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def is_static(x: Tensor) -> bool:
    """True if all T > 1 steps of (T, *) share their memory, as after `Tensor.expand`."""
    return x.shape[0] > 1 and x.stride(0) == 0


def over_time(steps: Tensor, weights: Tensor | None) -> Tensor:
    """(T, B, K) -> (B, K): the mean over time, or the sum weighted by (T, B).

    Example:
        >>> steps = torch.tensor([0.0, 4.0])[:, None, None]
        >>> over_time(steps, None).item(), over_time(steps, torch.tensor([[0.25], [0.75]])).item()
        (2.0, 3.0)
    """
    return steps.mean(0) if weights is None else (weights[..., None] * steps).sum(0)


def own_logits(output: Output) -> dict[str, Tensor]:
    """The logits of each modality's own head, (B, K); empty if there are no such heads."""
    return {m: over_time(widened(steps), output.time_weights.get(m)) for m, steps in output.modality_logits.items()}


class RunningMean(nn.Module):
    """Mean of the steps so far, (T, *) -> (T, *): the mean over time that looks at no later step.

    Example:
        >>> RunningMean()(torch.tensor([2.0, 0.0, 1.0]))
        tensor([2., 1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """(T, *) -> (T, *)."""
        numbers = torch.arange(1, len(x) + 1, device=x.device, dtype=x.dtype).view(-1, *[1] * (x.ndim - 1))
        if (carry := carrying()) is None:
            return x.cumsum(0) / numbers
        sums = carry.through(self, lambda before: _last_kept(x.cumsum(0), before))
        return sums / carry.through(self, lambda before: _last_kept(numbers, before))


def _last_kept(sums: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
    """Sums that go on from those before, and the last one."""
    sums = sums if before is None else sums + before
    return sums, sums[-1].clone()


def channels_last(frames: Tensor) -> Tensor:
    """(B, C, H, W) in the channels_last layout where it is faster: on a CPU, and in half precision on a GPU.

    Elsewhere, and under torch.func, they stay as they are.
    """
    if is_traced() or not (frames.device.type == "cpu" or torch.is_autocast_enabled(frames.device.type)):
        return frames
    laid_out = frames.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = frames.shape
    # with a single channel both layouts are the same memory; these strides make a convolution use channels_last
    return laid_out.as_strided(frames.shape, (height * width, 1, width, 1)) if channels == 1 else laid_out


def tokens_of(frames: Tensor) -> Tensor:
    """(T, B, D, H, W) -> tokens (T, B, D, H * W), as projections need them: contiguous, on a CPU as they lie."""
    tokens = frames.flatten(-2)
    return tokens if tokens.device.type == "cpu" and not is_traced() else tokens.contiguous()


def token_mean(tokens: Tensor, *, keepdim: bool = False) -> Tensor:
    """Mean over the tokens, (T, B, D, N) -> (T, B, D), summed in one order whatever the layout in memory.

    Example:
        >>> token_mean(torch.tensor([[[[1.0, 2.0]]]]))
        tensor([[[1.5000]]])
    """
    return tokens.contiguous().mean(-1, keepdim=keepdim)


def reasons_for_a_window(network: nn.Module) -> list[str]:
    """Why a network cannot decide step by step: the `needs_window` of its parts, such as "attends over all steps".

    A part that uses later steps, or has something of its own for each step, says so in an attribute of that name.

    Example:
        >>> from colliculus.layers import OverSteps, OverTokens, SpikingAttention
        >>> reasons_for_a_window(SpikingAttention(8, 2, OverTokens())), reasons_for_a_window(
        ...     SpikingAttention(8, 2, OverSteps())
        ... )
        ([], ['attends over all steps'])
    """
    reasons = (getattr(part, "needs_window", None) for part in network.modules())
    return [*dict.fromkeys(reason for reason in reasons if reason)]


def widened(x: Tensor) -> Tensor:
    """`x` in float32 or wider, so that under autocast losses and hooks use the same tensor."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def resample(x: Tensor, steps: int, mode: Resampling) -> Tensor:
    """A sequence (T', *) resampled in time to (steps, *).

    Args:
        x: the sequence.
        steps: the new length.
        mode: "nearest" takes the step at the middle of each new one (spikes stay spikes); "linear" interpolates there.

    Example:
        >>> resample(torch.tensor([0.0, 1.0]), 4, "nearest")
        tensor([0., 0., 1., 1.])
        >>> resample(torch.tensor([0.0, 1.0, 2.0, 3.0]), 2, "linear")
        tensor([0.5000, 2.5000])
    """
    length = x.shape[0]
    if length == steps:
        return x
    if mode == "nearest":
        return x[(2 * torch.arange(steps, device=x.device) + 1) * length // (2 * steps)]
    flat = x.reshape(1, length, -1).transpose(1, 2)
    return functional.interpolate(flat, steps, mode="linear")[0].T.reshape(steps, *x.shape[1:])
