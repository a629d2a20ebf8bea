"""Louder, softer and noisy sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_finite, check_range, check_share
from colliculus.data.augment.draws import Draws

Floats = NDArray[np.float32]


def as_stored(waveforms: Floats, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Clip at full scale (+-1, or the range of the integer type) and round, where integers are stored.

    Example:
        >>> as_stored(np.array([1e6, -0.6], dtype=np.float32), np.dtype(np.int16)).tolist()
        [32767, -1]
    """
    if dtype.kind == "f":
        return np.clip(waveforms, -1, 1).astype(dtype)
    scale = np.iinfo(dtype.name)
    return np.clip(np.rint(waveforms), scale.min, scale.max).astype(dtype)


def add_at_snr(sound: Floats, noise: Floats, snr_db: float) -> Floats:
    """Add noise with a power of 10**(-snr_db / 10) times that of the sound; silence stays silent.

    Args:
        sound: (samples,).
        noise: (samples,), of any power; silent noise adds nothing.
        snr_db: signal-to-noise ratio in decibels.

    Returns:
        (samples,), not clipped.

    Example:
        >>> sound, noise = np.ones(2, dtype=np.float32), np.array([4.0, -4.0], dtype=np.float32)
        >>> add_at_snr(sound, noise, 20.0).round(2).tolist()
        [1.100000023841858, 0.8999999761581421]
    """
    power, of_noise = float(np.dot(sound, sound)), float(np.dot(noise, noise))
    factor = (power / of_noise) ** 0.5 * 10 ** (-snr_db / 20) if of_noise > 0 else 0.0
    return np.add(sound, factor * noise, dtype=np.float32)


def white(rng: np.random.Generator, samples: int) -> Floats:
    """Independent normal numbers, (samples,)."""
    return rng.standard_normal(samples, dtype=np.float32)


def pink(rng: np.random.Generator, samples: int) -> Floats:
    """Noise with a power of 1 / frequency (3 dB less per octave) and mean 0, (samples,)."""
    number = np.arange(samples // 2 + 1)
    spectrum = white(rng, 2 * len(number)).view(np.complex64)  # drawn as a spectrum: one transform, not two
    spectrum[1:] /= np.sqrt(number[1:], dtype=np.float32)
    spectrum[0] = 0
    return torch.fft.irfft(torch.from_numpy(spectrum), n=samples).numpy()


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Make a sound louder or softer."""

    most_db: float = 0.0
    """largest change in either direction, in decibels"""

    def __post_init__(self) -> None:
        check_finite("`most_db` of the gain", self.most_db)

    def __call__(self, waveforms: NDArray[np.generic], draws: Draws) -> NDArray[np.generic]:
        """Change (B, samples); clipped at full scale."""
        if not self.most_db:
            return waveforms
        factors = (10 ** (draws.between("gain", -self.most_db, self.most_db) / 20)).astype(np.float32)
        changed = np.empty_like(waveforms)
        for b, factor in enumerate(factors):  # one by one, so that they stay in the cache
            changed[b] = as_stored(np.multiply(waveforms[b], factor, dtype=np.float32), waveforms.dtype)
        return changed


@dataclass(frozen=True, kw_only=True)
class BackgroundNoise:
    """Add noise to a sound, at a signal-to-noise ratio that is uniform in decibels."""

    probability: float = 0.0
    """probability of adding noise to a sample"""
    kind: Literal["white", "pink", "other"] = "white"
    """white; pink, 3 dB less per octave; or other: the sound of another training sample of any class"""
    snr_db: tuple[float, float] = (5.0, 30.0)
    """lowest and highest signal-to-noise ratio in decibels"""

    def __post_init__(self) -> None:
        check_share("`probability` of background noise", self.probability)
        check_range("`snr_db` of background noise", self.snr_db, least=-200, most=200)

    @property
    def needs_others(self) -> bool:
        """True if the noise is the sound of other samples."""
        return self.kind == "other" and self.probability > 0

    def __call__(
        self, waveforms: NDArray[np.generic], draws: Draws, others: NDArray[np.generic] | None
    ) -> NDArray[np.generic]:
        """Add noise to (B, samples), clipped at full scale; `others` (B, samples) is the noise of the kind "other"."""
        chosen = np.flatnonzero(draws.happens("noise?", self.probability))
        if not len(chosen):
            return waveforms
        ratios, noisy = draws.between("snr", *self.snr_db), waveforms.copy()
        generators = Draws(draws.keys[chosen]).generators("noise")
        for b, rng in zip(chosen, generators, strict=True):  # one by one, so that they stay in the cache
            noise = others[b].astype(np.float32) if others is not None else self._noise(rng, waveforms.shape[1])
            noisy[b] = as_stored(add_at_snr(waveforms[b].astype(np.float32), noise, ratios[b]), waveforms.dtype)
        return noisy

    def _noise(self, rng: np.random.Generator, samples: int) -> Floats:
        return pink(rng, samples) if self.kind == "pink" else white(rng, samples)
