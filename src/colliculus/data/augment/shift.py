"""Sound shifted in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_share
from colliculus.data.augment.draws import Draws


def roll(values: NDArray[np.generic], shifts: NDArray[np.int64]) -> NDArray[np.generic]:
    """Shift each sample along its last axis; what leaves at one end enters at the other, so that no sound is lost.

    Args:
        values: (B, ..., N).
        shifts: positions to shift by, positive for later, (B,), within -N..N.

    Returns:
        A new array.

    Example:
        >>> roll(np.array([[1, 2, 3], [1, 2, 3]]), np.array([1, 0])).tolist()
        [[3, 1, 2], [1, 2, 3]]
    """
    moved = np.empty_like(values)
    length = values.shape[-1]
    for b, shift in enumerate(shifts % length):
        moved[b, ..., shift:] = values[b, ..., : length - shift]
        moved[b, ..., :shift] = values[b, ..., length - shift :]
    return moved


@dataclass(frozen=True, kw_only=True)
class SoundShift:
    """Shift the sound within its clip, around the end; its timing relative to the images changes by as much."""

    most: float = 0.0
    """largest shift, as a share of the clip"""

    def __post_init__(self) -> None:
        check_share("`most` of a time shift", self.most)

    def __call__(self, waveforms: NDArray[np.generic], draws: Draws) -> NDArray[np.generic]:
        """Shift (B, ..., N) along the last axis."""
        if not self.most:
            return waveforms
        shares = draws.between("time shift", -self.most, self.most)
        return roll(waveforms, np.rint(shares * waveforms.shape[-1]).astype(np.int64))

    def of_spectrograms(self, values: NDArray[np.generic], draws: Draws) -> NDArray[np.generic]:
        """Shift (B, C, H, W), or (B, T, C, H, W), whose T parts follow one another in time."""
        if not self.most or values.ndim == 4:
            return self(values, draws)
        line = values.transpose(0, 2, 3, 1, 4)  # (B, C, H, T, W)
        moved = self(line.reshape(*line.shape[:3], -1), draws)
        return np.ascontiguousarray(moved.reshape(line.shape).transpose(0, 3, 1, 2, 4))
