"""Log-magnitude and log-mel spectrograms of a whole clip, or of consecutive parts of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.media import without_torch
from colliculus.media.resize import resize
from colliculus.types import ColliculusError

_FLOOR = 1e-7  # added before the logarithm

SILENCE = math.log(_FLOOR)
"""Value of a log spectrogram of either scale where there is no sound."""


@dataclass(frozen=True, kw_only=True)
class Spectrogram:
    """Conversion of a waveform to a log spectrogram; frequency rises along H, time along W.

    Windows are periodic Hann windows, centred on multiples of `hop`; the clip is padded with silence on both sides.
    The defaults are those of the published S-CMRL experiments.

    Raises:
        ColliculusError: a setting is not positive.

    Example:
        >>> Spectrogram(size=(8, 16))(np.zeros(22_050, dtype=np.float32)).shape
        (1, 8, 16)
        >>> Spectrogram(size=(8, 16), steps=4)(np.zeros(22_050, dtype=np.float32)).shape
        (4, 1, 8, 16)
    """

    sample_rate_hz: int = 22_050
    """Sample rate of the waveforms."""
    n_fft: int = 512
    """Samples of one window."""
    hop: int = 353
    """Samples from one window to the next."""
    scale: Literal["stft", "mel"] = "stft"
    """log(|STFT| + 1e-7), or log(mel power + 1e-7)."""
    num_mels: int = 64
    """Number of mel bands."""
    size: tuple[int, int] = (128, 128)
    """Height and width the spectrogram is resized to."""
    steps: int | None = None
    """Number of equal consecutive parts of the clip, each with its own spectrogram; None: one of the whole clip."""

    def __post_init__(self) -> None:
        numbers = (self.sample_rate_hz, self.hop, self.num_mels, *self.size, 1 if self.steps is None else self.steps)
        if min(numbers) < 1 or self.n_fft < 2:
            raise ColliculusError("the settings of a spectrogram must be at least 1, and `n_fft` at least 2")

    def __call__(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spectrogram of one clip.

        Args:
            waveform: (samples,), clipped at full scale, +-1; a waveform shorter than one window, even an empty one, is
                padded with silence.

        Returns:
            (1, H, W), or (steps, 1, H, W) when `steps` is set; float32, not standardised.
        """
        return self.batch(waveform[None])[0]

    def log_spectrum(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spectrogram before it is resized, (parts, 1, bins, windows); one part unless `steps` is set."""
        return self._log_spectra(waveform[None])

    def batch(self, waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spectrograms of many clips (B, samples) at once, as one by one: (B, 1, H, W), or (B, steps, 1, H, W)."""
        spectra = resize(self._log_spectra(waveforms), self.size)
        return spectra if self.steps is None else spectra.reshape(len(waveforms), self.steps, *spectra.shape[1:])

    def _log_spectra(self, waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, samples) -> (B * parts, 1, bins, windows)."""
        count, given = waveforms.shape
        parts = self.steps or 1
        samples = max(-(-given // parts), self.n_fft)
        padded = np.zeros((count, parts * samples), dtype=np.float32)
        padded[:, :given] = np.clip(waveforms, -1.0, 1.0)
        return self._log_of(padded.reshape(count * parts, samples))[:, None]

    def _log_of(self, waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, samples) -> (n, bins, windows)."""
        mel = mel_filterbank(self.sample_rate_hz, self.n_fft, self.num_mels) if self.scale == "mel" else None
        if without_torch.asked():
            found = np.abs(without_torch.spectra(waveforms, self.n_fft, self.hop))
            return np.log((found if mel is None else mel @ np.square(found)) + np.float32(_FLOOR))

        import torch

        spectrum = torch.stft(
            torch.from_numpy(waveforms),
            n_fft=self.n_fft,
            hop_length=self.hop,
            window=torch.hann_window(self.n_fft),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        if mel is None:
            return torch.log(spectrum.abs() + _FLOOR).numpy()
        return torch.log(torch.tensor(mel) @ spectrum.abs().square() + _FLOOR).numpy()

    def resized(self, spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resize a `log_spectrum`, or values of its shape, as a call returns it."""
        spectra = resize(spectrum, self.size)
        return spectra[0] if self.steps is None else spectra


@cache
def mel_filterbank(sample_rate_hz: int, n_fft: int, num_mels: int) -> NDArray[np.float32]:
    """Triangular filters of equal area, evenly spaced on Slaney's mel scale from 0 Hz to half the sample rate.

    Source: M. Slaney, Auditory Toolbox, Interval Research TR 1998-010; the scale is linear below 1 kHz (200/3 Hz per
    mel) and logarithmic above (a factor of 6.4 in 27 mel).

    Returns:
        (num_mels, n_fft // 2 + 1), read-only; multiplies a power spectrum.

    Example:
        >>> mel_filterbank(8000, 256, 40).shape
        (40, 129)
    """
    bins = np.arange(n_fft // 2 + 1) * sample_rate_hz / n_fft
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(sample_rate_hz / 2), num_mels + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    filters = (triangles * 2.0 / (high - low)).astype(np.float32)
    filters.flags.writeable = False  # every caller gets the same array
    return filters


def _hz_to_mel(frequency_hz: float) -> float:
    return frequency_hz * 3 / 200 if frequency_hz < 1000 else 15 + 27 * np.log(frequency_hz / 1000) / np.log(6.4)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))
