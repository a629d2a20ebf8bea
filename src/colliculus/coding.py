"""Coding: from static or sequence inputs to currents or spikes over T steps, (T, B, C, H, W)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from colliculus.layers import Resampling, resample
from colliculus.types import ColliculusError

CodingName = Literal["direct", "poisson", "latency"]


def intensity(x: Tensor) -> Tensor:
    """Scale each image to [0, 1] over its channels and pixels (last three axes); a constant image becomes 0.

    Example:
        >>> intensity(torch.tensor([[[[-1.0, 0.0, 3.0]]]])).flatten()
        tensor([0.0000, 0.2500, 1.0000])
    """
    low, high = x.amin((-3, -2, -1), keepdim=True), x.amax((-3, -2, -1), keepdim=True)
    return (x - low) / (high - low).clamp(min=torch.finfo(x.dtype).tiny)


def poisson(rates: Tensor, noise: Tensor) -> Tensor:
    """A spike with probability `rates` in [0, 1], where uniform `noise` in [0, 1) is smaller.

    Example:
        >>> poisson(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.4, 0.9]))
        tensor([0., 1., 1.])
    """
    return (noise < rates).to(rates.dtype)


def latency(x: Tensor, steps: int) -> Tensor:
    """One spike per pixel, the brighter the earlier: at step floor((1 - x) * (T - 1)); a pixel of 0 never fires.

    Args:
        x: intensity in [0, 1], (B, C, H, W).
        steps: T.

    Example:
        >>> latency(torch.tensor([[[[1.0, 0.5, 0.0]]]]), 3).flatten(1)
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 0.]])
    """
    when = ((1 - x) * (steps - 1)).floor()
    step = torch.arange(steps, device=x.device, dtype=x.dtype).view(-1, *[1] * x.ndim)
    return ((when == step) & (x > 0)).to(x.dtype)


class Direct(nn.Module):
    """Static inputs are repeated, sequences presented frame by frame; the values go in as currents.

    Args:
        steps: T.
        mode: how a sequence of another length is resampled.

    Example:
        >>> Direct(4)(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([4, 2, 1, 8, 8])
    """

    def __init__(self, steps: int, mode: Resampling = "nearest") -> None:
        super().__init__()
        self.steps = steps
        self.mode: Resampling = mode

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) or (T', B, C, H, W) -> (T, B, C, H, W)."""
        return x.expand(self.steps, *x.shape) if x.ndim == 4 else resample(x, self.steps, self.mode)


class Poisson(nn.Module):
    """Random spikes at a rate given by the intensity.

    In evaluation all samples have the same noise, drawn from a fixed seed, so that the batch does not matter.
    """

    def __init__(self, steps: int, mode: Resampling = "nearest") -> None:
        super().__init__()
        self.steps = steps
        self.present = Direct(steps, mode)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) or (T', B, C, H, W) -> spikes (T, B, C, H, W)."""
        rates = self.present(intensity(x))
        if self.training:
            return poisson(rates, torch.rand_like(rates))
        generator = torch.Generator(x.device).manual_seed(0)
        return poisson(rates, torch.rand(rates[:, :1].shape, generator=generator, device=x.device))


class Latency(nn.Module):
    """Time to first spike, for static inputs: the brighter the earlier.

    Raises:
        ColliculusError: the input is a sequence.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> spikes (T, B, C, H, W)."""
        if x.ndim != 4:
            raise ColliculusError("latency coding is for static inputs: use direct or poisson for a sequence")
        return latency(intensity(x), self.steps)


class AllFrames(nn.Module):
    """Shows all frames of a sequence at once, as channels of one static image: the first kernels see motion.

    Args:
        frames: number of frames; a static input is repeated as often.
        mode: how a sequence of another length is resampled.

    Example:
        >>> x = torch.arange(3.0).view(3, 1, 1, 1, 1)  # three frames of one pixel
        >>> AllFrames(3)(x).flatten()
        tensor([0., 1., 2.])
    """

    def __init__(self, frames: int, mode: Resampling = "nearest") -> None:
        super().__init__()
        self.frames = frames
        self.mode: Resampling = mode

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) or (B, C, H, W) -> (B, frames * C, H, W)."""
        if x.ndim == 4:
            return x.repeat(1, self.frames, 1, 1)
        return resample(x, self.frames, self.mode).transpose(0, 1).flatten(1, 2)


class RecentFrames(nn.Module):
    """Shows every frame with those before it, as channels of one image, so that no step looks ahead.

    Args:
        frames: number of frames that are shown at once; the first frame stands for those before it.

    Example:
        >>> x = torch.arange(3.0).view(3, 1, 1, 1, 1)  # three frames of one pixel
        >>> RecentFrames(2)(x).flatten(1)
        tensor([[0., 0.],
                [0., 1.],
                [1., 2.]])
    """

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, C, H, W) -> (T, B, frames * C, H, W), or (B, C, H, W) -> (B, frames * C, H, W)."""
        if x.ndim == 4:
            return x.repeat(1, self.frames, 1, 1)
        steps = torch.arange(len(x), device=x.device)
        return torch.cat([x[(steps - k).clamp(min=0)] for k in reversed(range(self.frames))], dim=2)


def steps_of(coding: nn.Module) -> int:
    """T_m, the steps that a coding makes of its inputs.

    Raises:
        ColliculusError: a coding of your own does not say so.
    """
    steps = getattr(coding[-1] if isinstance(coding, nn.Sequential) else coding, "steps", None)
    if not isinstance(steps, int):
        raise ColliculusError(f"the coding {type(coding).__name__} does not say its number of steps: give it `steps`")
    return steps


def frames_for(coding: nn.Module, steps: int, frames: int) -> int:
    """Frames of a sequence that must be there before its first steps can be coded; all for a coding of your own.

    Args:
        coding: the coding of a modality.
        steps: coded steps, 1 to T_m.
        frames: frames of the whole sequence.

    Example:
        >>> [frames_for(Direct(4), t, frames=6) for t in (1, 2, 3, 4)]  # takes frames 0, 2, 3 and 5
        [1, 3, 4, 6]
        >>> frames_for(Direct(4, "linear"), 1, frames=6)
        2
        >>> frames_for(nn.Sequential(AllFrames(6), Direct(4)), 1, frames=6)
        6
    """
    if isinstance(coding, nn.Sequential) and isinstance(coding[0], RecentFrames):
        return frames_for(coding[1:], steps, frames)
    last = coding[-1] if isinstance(coding, nn.Sequential) and len(coding) == 1 else coding
    if isinstance(last, Poisson):
        last = last.present
    if not isinstance(last, Direct):
        return frames
    if frames == last.steps:
        return steps
    place = (2 * steps - 1) * frames  # the middle of the last step, in units of half a step
    if last.mode == "nearest":
        return place // (2 * last.steps) + 1
    return min(frames, max(place - last.steps, 0) // (2 * last.steps) + 2)


def coder(name: CodingName, steps: int, mode: Resampling = "nearest") -> nn.Module:
    """The coder of that name for T steps."""
    return {"direct": Direct(steps, mode), "poisson": Poisson(steps, mode), "latency": Latency(steps)}[name]
