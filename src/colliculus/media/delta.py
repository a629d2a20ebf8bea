"""Delta features: the change of a spectrum from window to window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError


def delta(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Slope over time of the least-squares line through a value (..., windows) and `reach` neighbours on each side.

    d[t] = sum_n n (c[t + n] - c[t - n]) / (2 sum_n n^2), n = 1 ... reach, in units of `values` per window; the first
    and the last value continue beyond the ends. Source: S. Young et al., The HTK Book, section "Delta, Acceleration and
    Third Differential Coefficients".

    Example:
        >>> delta(np.array([0, 0, 1, 1], dtype=np.float32), reach=1).tolist()
        [0.0, 0.5, 0.5, 0.0]
    """
    count = values.shape[-1]
    first, last = (np.repeat(edge, reach, axis=-1) for edge in (values[..., :1], values[..., -1:]))
    padded = np.concatenate([first, values, last], axis=-1)
    slopes = np.zeros(values.shape)
    for n in range(1, reach + 1):
        later, earlier = padded[..., reach + n :], padded[..., reach - n :]
        slopes += n * (later[..., :count].astype(np.float64) - earlier[..., :count])
    return (slopes / (2 * sum(n * n for n in range(1, reach + 1)))).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class SpectralDelta:
    """Conversion of a waveform to the `delta` of its log spectrogram.

    The delta is computed window by window, before the spectrogram is resized, so that its unit is the change per hop
    for any length of the clip.

    Raises:
        ColliculusError: `reach` is not positive.

    Example:
        >>> SpectralDelta(spectrogram=Spectrogram(size=(8, 16)))(np.zeros(22_050, dtype=np.float32)).shape
        (1, 8, 16)
    """

    spectrogram: Spectrogram
    """Spectrogram to take the delta of."""
    reach: int = 2
    """Windows on either side that the slope is computed from."""

    def __post_init__(self) -> None:
        if self.reach < 1:
            raise ColliculusError(f"`reach` of a delta is {self.reach}: choose at least 1")

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the waveforms."""
        return self.spectrogram.sample_rate_hz

    def __call__(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Delta of one clip, in the shape of its spectrogram; not standardised."""
        return self.spectrogram.resized(delta(self.spectrogram.log_spectrum(waveform), self.reach))
