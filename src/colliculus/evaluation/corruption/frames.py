"""Corruptions of the frames of one modality: blur, occlusion, dropped frames, a shift in time, a constant input.

Inputs are (B, C, H, W), or (T, B, C, H, W) for a sequence. `draws` holds the random numbers of each sample, (B,).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from colliculus.types import ColliculusError


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of every frame by `sigma` pixels (bins of a spectrogram), with edge values repeated beyond it.

    Example:
        >>> point = torch.zeros(1, 1, 9, 9)
        >>> point[..., 4, 4] = 1
        >>> blurred = blur(point, 1.0)
        >>> round(blurred[0, 0, 4, 4].item(), 3), round(blurred.sum().item(), 3)
        (0.159, 1.0)
    """
    reach = ceil(3 * sigma)
    window = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype) / sigma).square())
    window = window / window.sum()
    planes = x.flatten(0, -3)[:, None]
    padded = functional.pad(planes, (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(padded, window[None, None, :, None])
    return functional.conv2d(rows, window[None, None, None, :]).reshape(x.shape)


def occlude(x: Tensor, share: float, draws: Sequence[np.random.Generator]) -> Tensor:
    """Cover a rectangle with the proportions of the frame by zeros, the mean of standardised inputs.

    It covers this share of the frame's area, with sides rounded to whole values. Its position is drawn per sample and
    is the same at all steps.

    Example:
        >>> occluded = occlude(torch.ones(1, 1, 8, 8), 0.25, [np.random.default_rng(0)])
        >>> int((occluded == 0).sum())
        16
    """
    sides = [round(length * sqrt(share)) for length in x.shape[-2:]]
    kept = torch.ones((len(draws), 1, *x.shape[-2:]), dtype=x.dtype, device=x.device)
    for i, drawn in enumerate(draws):
        top, left = (int(drawn.integers(n - side + 1)) for n, side in zip(x.shape[-2:], sides, strict=True))
        kept[i, :, top : top + sides[0], left : left + sides[1]] = 0
    return x * kept


def drop_frames(x: Tensor, share: float, draws: Sequence[np.random.Generator]) -> Tensor:
    """Replace round(share * T) steps of a sequence by zeros, the mean of standardised inputs, drawn per sample.

    Raises:
        ColliculusError: the input is static.

    Example:
        >>> dropped = drop_frames(torch.ones(4, 1, 1, 2, 2), 0.5, [np.random.default_rng(0)])
        >>> sorted(dropped.mean((1, 2, 3, 4)).tolist())
        [0.0, 0.0, 1.0, 1.0]
    """
    _check_sequence(x, "have dropped frames")
    kept = torch.ones((len(x), len(draws)), dtype=x.dtype, device=x.device)
    for i, drawn in enumerate(draws):
        kept[torch.from_numpy(drawn.permutation(len(x))[: round(share * len(x))]), i] = 0
    return x * kept[..., None, None, None]


def shift(x: Tensor, steps: int) -> Tensor:
    """Delay a sequence by so many steps; a negative number advances it. It wraps around at the ends.

    Raises:
        ColliculusError: the input is static.

    Example:
        >>> shift(torch.arange(4.0).reshape(4, 1, 1, 1, 1), 1).flatten().tolist()
        [3.0, 0.0, 1.0, 2.0]
    """
    _check_sequence(x, "be shifted in time")
    return x.roll(steps, dims=0)


def constant(x: Tensor, values: Sequence[float]) -> Tensor:
    """One value for each of the C channels, in the shape of `x`.

    Example:
        >>> constant(torch.ones(1, 1, 1, 2), [0.5]).flatten().tolist()
        [0.5, 0.5]
    """
    return torch.tensor(values, dtype=x.dtype, device=x.device).reshape(-1, 1, 1).expand(x.shape).clone()


def _check_sequence(x: Tensor, what: str) -> None:
    if x.dim() != 5:
        raise ColliculusError(f"a static input cannot {what}: choose a sequence")
