"""Delta features: how a spectrum changes from window to window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError


def delta(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Slope over time of the least-squares line through each value and its neighbours.

    d[t] = sum_n n (c[t + n] - c[t - n]) / (2 sum_n n^2), n = 1 ... reach; beyond the ends the first and the last value
    go on for ever. Source: S. Young et al., The HTK Book, section "Delta, Acceleration and Third Differential
    Coefficients".

    Args:
        values: c, (..., windows).
        reach: neighbours on either side, at least 1.

    Returns:
        d, of the same shape, float32, in units of `values` per window.

    Example:
        >>> delta(np.array([0, 0, 1, 1], dtype=np.float32), reach=1).tolist()
        [0.0, 0.5, 0.5, 0.0]
    """
    count = values.shape[-1]
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(reach, reach)], mode="edge")
    slopes = np.zeros(values.shape)
    for n in range(1, reach + 1):
        later, earlier = padded[..., reach + n :], padded[..., reach - n :]
        slopes += n * (later[..., :count].astype(np.float64) - earlier[..., :count])
    return (slopes / (2 * sum(n * n for n in range(1, reach + 1)))).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class SpectralDelta:
    """From a waveform to the `delta` of its log spectrogram as a picture.

    The delta is taken window by window, before the spectrogram is resized, so a unit of it is the same change per hop
    whatever the length of the clip.

    Raises:
        ColliculusError: `reach` is not positive.

    Example:
        >>> SpectralDelta(spectrogram=Spectrogram(size=(8, 16)))(np.zeros(22_050, dtype=np.float32)).shape
        (1, 8, 16)
    """

    spectrogram: Spectrogram
    """The spectrogram whose change is wanted."""
    reach: int = 2
    """Windows on either side that the slope is taken over."""

    def __post_init__(self) -> None:
        if self.reach < 1:
            raise ColliculusError(f"`reach` of a delta is {self.reach}: choose at least 1")

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second of the waveforms this is called with."""
        return self.spectrogram.sample_rate_hz

    def __call__(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """The delta of one clip, shaped as `Spectrogram` gives it; not standardised."""
        return self.spectrogram.picture(delta(self.spectrogram.log_spectrum(waveform), self.reach))
