"""Hidden bands of spectrograms, over time or over frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_share
from colliculus.data.augment.draws import Draws
from colliculus.types import ColliculusError


def bands(length: int, shares: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Positions of a line that lie in one of the bands of each sample.

    Args:
        length: N, number of positions.
        shares: width of each band as a share of the line, (B, n), rounded down to whole positions.
        places: position in the free space, from 0 (start) to below 1 (end), (B, n).

    Returns:
        (B, N).

    Example:
        >>> bands(4, np.array([[0.5]]), np.array([[0.99]])).tolist()
        [[False, False, True, True]]
    """
    widths = (shares * length).astype(np.int64)
    starts = (places * (length - widths + 1)).astype(np.int64)
    position = np.arange(length)
    inside: NDArray[np.bool_] = (starts[..., None] <= position) & (position < (starts + widths)[..., None])
    return np.logical_or.reduce(inside, axis=1)


@dataclass(frozen=True, kw_only=True)
class Masks:
    """Hide bands of a spectrogram behind the training mean.

    Source: Park et al., SpecAugment, Interspeech 2019. Deviation: no time warping, which they found to matter least.
    """

    num: int = 0
    """number of bands in each sample"""
    most: float = 0.2
    """largest width of a band as a share of the whole; widths are uniform from 0 to this"""

    def __post_init__(self) -> None:
        check_share("`most` of a mask", self.most)
        if self.num < 0:
            raise ColliculusError(f"`num` of the masks is {self.num}: choose 0 or a positive number")

    def over_time(self, values: NDArray[np.generic], draws: Draws, fill: NDArray[np.generic]) -> NDArray[np.generic]:
        """Hide times of (B, C, H, W), or of (B, T, C, H, W), whose T parts follow one another in time."""
        if not self.num:
            return values
        parts = values.shape[1] if values.ndim == 5 else 1
        hidden = self._bands("time masks", draws, parts * values.shape[-1])
        return _hide(values, hidden.reshape(len(values), *[parts] * (values.ndim == 5), 1, 1, -1), fill)

    def over_frequency(
        self, values: NDArray[np.generic], draws: Draws, fill: NDArray[np.generic]
    ) -> NDArray[np.generic]:
        """Hide frequencies of (B, C, H, W), or of (B, T, C, H, W), the same in all its parts."""
        if not self.num:
            return values
        hidden = self._bands("frequency masks", draws, values.shape[-2])
        return _hide(values, hidden.reshape(len(values), *[1] * (values.ndim - 3), -1, 1), fill)

    def _bands(self, purpose: str, draws: Draws, length: int) -> NDArray[np.bool_]:
        shares, places = np.split(draws.uniform(purpose, 2 * self.num), 2, axis=1)
        return bands(length, self.most * shares, places)


def _hide(values: NDArray[np.generic], hidden: NDArray[np.bool_], fill: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.where(hidden, fill[:, None, None], values)
