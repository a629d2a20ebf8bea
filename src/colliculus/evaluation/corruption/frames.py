"""Corruptions of the frames of a modality: blur, occlusion, dropped frames, a shift in time, a constant input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from colliculus.evaluation.inference import Corrupt
from colliculus.types import ColliculusError

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class InTurn:
    """One corruption after another.

    Args:
        corruptions: corruptions in the order they are applied.
    """

    corruptions: Sequence[Corrupt]

    def __call__(self, inputs: dict[str, Tensor], rows: Rows) -> dict[str, Tensor]:
        """Inputs of each modality -> the same, corrupted."""
        for corruption in self.corruptions:
            inputs = corruption(inputs, rows)
        return inputs


@dataclass(frozen=True)
class Blur:
    """Gaussian blur of every frame, with the edge values repeated beyond the edges.

    Args:
        sigma: standard deviation of each blurred modality, in pixels (bins of a spectrogram); 0 does nothing.

    Raises:
        ColliculusError: a standard deviation is negative.

    Example:
        >>> point = torch.zeros(1, 1, 9, 9)
        >>> point[..., 4, 4] = 1
        >>> blurred = Blur({"visual": 1.0})({"visual": point}, np.array([0]))["visual"]
        >>> round(blurred[0, 0, 4, 4].item(), 3), round(blurred.sum().item(), 3)
        (0.159, 1.0)
    """

    sigma: Mapping[str, float]

    def __post_init__(self) -> None:
        for modality, sigma in self.sigma.items():
            if not 0 <= sigma < float("inf"):
                raise ColliculusError(f"the blur of {modality} is {sigma} pixels: choose 0 or more")

    def __call__(self, inputs: dict[str, Tensor], rows: Rows) -> dict[str, Tensor]:
        """Inputs (B, C, H, W) or (T, B, C, H, W) of each modality -> the same, blurred."""
        del rows
        return {m: _blurred(x, self.sigma[m]) if self.sigma.get(m) else x for m, x in inputs.items()}


def _blurred(x: Tensor, sigma: float) -> Tensor:
    reach = ceil(3 * sigma)
    window = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype) / sigma).square())
    window = window / window.sum()
    planes = x.flatten(0, -3)[:, None]
    padded = functional.pad(planes, (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(padded, window[None, None, :, None])
    return functional.conv2d(rows, window[None, None, None, :]).reshape(x.shape)


@dataclass(frozen=True)
class Occlusion:
    """Occlusion: a rectangle with the proportions of the frame is zero, the mean of standardised inputs.

    Its position is drawn per sample and modality and is the same at all steps.

    Args:
        share: covered share of the frame's area, for each occluded modality; the sides are rounded to whole values.
        seed: seed of the positions.

    Raises:
        ColliculusError: a share is not between 0 and 1.

    Example:
        >>> occluded = Occlusion({"visual": 0.25})({"visual": torch.ones(1, 1, 8, 8)}, np.array([0]))["visual"]
        >>> int((occluded == 0).sum())
        16
    """

    share: Mapping[str, float]
    seed: int = 0

    def __post_init__(self) -> None:
        _check_shares(self.share, "occlusion")

    def __call__(self, inputs: dict[str, Tensor], rows: Rows) -> dict[str, Tensor]:
        """Inputs (B, C, H, W) or (T, B, C, H, W) of each modality -> the same, occluded."""
        return {m: self._cover(x, m, rows) if self.share.get(m) else x for m, x in inputs.items()}

    def _cover(self, x: Tensor, modality: str, rows: Rows) -> Tensor:
        sides = [round(length * sqrt(self.share[modality])) for length in x.shape[-2:]]
        kept = torch.ones((len(rows), 1, *x.shape[-2:]), dtype=x.dtype, device=x.device)
        for i, row in enumerate(rows):
            drawn = _generator(self.seed, modality, row)
            top, left = (int(drawn.integers(n - side + 1)) for n, side in zip(x.shape[-2:], sides, strict=True))
            kept[i, :, top : top + sides[0], left : left + sides[1]] = 0
        return x * kept


@dataclass(frozen=True)
class FrameDrops:
    """Dropped frames: some steps of a sequence become zeros, the mean of standardised inputs.

    Each sample loses round(share * T') steps, drawn per sample and modality.

    Args:
        share: dropped share of the steps, for each modality that loses some.
        seed: seed of the dropped steps.

    Raises:
        ColliculusError: a share is not between 0 and 1, or a modality is static.

    Example:
        >>> dropped = FrameDrops({"visual": 0.5})({"visual": torch.ones(4, 1, 1, 2, 2)}, np.array([0]))["visual"]
        >>> sorted(dropped.mean((1, 2, 3, 4)).tolist())
        [0.0, 0.0, 1.0, 1.0]
    """

    share: Mapping[str, float]
    seed: int = 0

    def __post_init__(self) -> None:
        _check_shares(self.share, "share of dropped frames")

    def __call__(self, inputs: dict[str, Tensor], rows: Rows) -> dict[str, Tensor]:
        """Inputs (T', B, C, H, W) of each modality named -> the same with some frames dropped."""
        return {m: self._drop(x, m, rows) if self.share.get(m) else x for m, x in inputs.items()}

    def _drop(self, x: Tensor, modality: str, rows: Rows) -> Tensor:
        _check_sequence(x, modality, "have dropped frames")
        number = round(self.share[modality] * len(x))
        kept = torch.ones((len(x), len(rows)), dtype=x.dtype, device=x.device)
        for i, row in enumerate(rows):
            lost = _generator(self.seed, modality, row).permutation(len(x))[:number]
            kept[torch.from_numpy(lost), i] = 0
        return x * kept[..., None, None, None]


@dataclass(frozen=True)
class TimeShift:
    """Shift in time: a sequence is later or earlier than the others and wraps around at the ends.

    Args:
        steps: delay of each shifted modality in steps; negative is early.

    Raises:
        ColliculusError: a modality is static.

    Example:
        >>> late = TimeShift({"audio": 1})({"audio": torch.arange(4.0).reshape(4, 1, 1, 1, 1)}, np.array([0]))["audio"]
        >>> late.flatten().tolist()
        [3.0, 0.0, 1.0, 2.0]
    """

    steps: Mapping[str, int]

    def __call__(self, inputs: dict[str, Tensor], rows: Rows) -> dict[str, Tensor]:
        """Inputs (T', B, C, H, W) of each modality named -> the same, shifted."""
        del rows
        return {m: self._shift(x, m) if self.steps.get(m) else x for m, x in inputs.items()}

    def _shift(self, x: Tensor, modality: str) -> Tensor:
        _check_sequence(x, modality, "be shifted in time")
        return x.roll(self.steps[modality], dims=0)


@dataclass(frozen=True)
class Constant:
    """Constant input: one value per channel replaces a modality.

    Args:
        values: C numbers for each replaced modality.

    Example:
        >>> Constant({"audio": (0.5,)})({"audio": torch.ones(1, 1, 1, 2)}, np.array([0]))["audio"].flatten().tolist()
        [0.5, 0.5]
    """

    values: Mapping[str, tuple[float, ...]]

    def __call__(self, inputs: dict[str, Tensor], rows: Rows) -> dict[str, Tensor]:
        """Inputs of each modality -> the same, some replaced."""
        del rows
        return {m: self._fill(x, self.values[m]) if m in self.values else x for m, x in inputs.items()}

    def _fill(self, x: Tensor, values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values, dtype=x.dtype, device=x.device).reshape(-1, 1, 1).expand(x.shape).clone()


def _generator(seed: int, modality: str, row: np.int64) -> np.random.Generator:
    """Random numbers of a sample, independent of the batch size and of other samples."""
    return np.random.default_rng((seed, crc32(modality.encode()), int(row)))


def _check_shares(shares: Mapping[str, float], what: str) -> None:
    for modality, share in shares.items():
        if not 0 <= share <= 1:
            raise ColliculusError(f"the {what} of {modality} is {share}: choose a share from 0 to 1")


def _check_sequence(x: Tensor, modality: str, what: str) -> None:
    if x.dim() != 5:
        raise ColliculusError(f"{modality} is static and cannot {what}: choose a sequence")
