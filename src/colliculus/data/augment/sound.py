"""Augmentations of sound: waveforms shifted, louder, softer and noisy; spectrograms shifted and masked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_range, check_share
from colliculus.data.augment.draws import Draws, Values
from colliculus.data.recordings import NUM_VOICES
from colliculus.types import ColliculusError

Floats = NDArray[np.float32]


def roll(values: Values, shifts: NDArray[np.int64]) -> Values:
    """Shift each sample (B, ..., N) along its last axis by `shifts` (B,); what leaves at one end enters at the other.

    Example:
        >>> roll(np.array([[1, 2, 3], [1, 2, 3]]), np.array([1, 0])).tolist()
        [[3, 1, 2], [1, 2, 3]]
    """
    return np.stack([np.roll(sample, shift, axis=-1) for sample, shift in zip(values, shifts, strict=True)])


@dataclass(frozen=True, kw_only=True)
class SoundShift:
    """Shift the sound within its clip, around the end; its timing relative to the images changes by as much."""

    most: float = 0.0
    """largest shift, as a share of the clip"""

    def __post_init__(self) -> None:
        check_share("`most` of a time shift", self.most)

    def __call__(self, waveforms: Values, draws: Draws) -> Values:
        """Shift (B, ..., N) along the last axis."""
        if not self.most:
            return waveforms
        shares = draws.between("time shift", -self.most, self.most)
        return roll(waveforms, np.rint(shares * waveforms.shape[-1]).astype(np.int64))

    def of_spectrograms(self, values: Values, draws: Draws) -> Values:
        """Shift (B, C, H, W), or (B, T, C, H, W), whose T parts follow one another in time."""
        if not self.most or values.ndim == 4:
            return self(values, draws)
        line = values.transpose(0, 2, 3, 1, 4)  # (B, C, H, T, W)
        moved = self(line.reshape(*line.shape[:3], -1), draws)
        return np.ascontiguousarray(moved.reshape(line.shape).transpose(0, 3, 1, 2, 4))


def as_stored(waveforms: Floats, dtype: np.dtype[np.generic]) -> Values:
    """Clip at full scale (+-1, or the range of the integer type) and round, where integers are stored.

    Example:
        >>> as_stored(np.array([1e6, -0.6], dtype=np.float32), np.dtype(np.int16)).tolist()
        [32767, -1]
    """
    if dtype.kind == "f":
        return np.clip(waveforms, -1, 1).astype(dtype)
    scale = np.iinfo(dtype.name)
    return np.clip(np.rint(waveforms), scale.min, scale.max).astype(dtype)


def add_at_snr(sound: Floats, noise: Floats, snr_db: float, full_scale: float = 1.0) -> Floats:
    """Add noise (samples,) of a power of 10**(-snr_db / 10) times that of the sound (samples,).

    A sum beyond `full_scale` is turned down to it as a whole: nothing is clipped, so the ratio is exact. Silence stays
    silent, and silent noise adds nothing.

    Example:
        >>> sound, noise = np.full(2, 0.5, dtype=np.float32), np.array([4.0, -4.0], dtype=np.float32)
        >>> add_at_snr(sound, noise, 20.0).round(2).tolist(), add_at_snr(sound, noise, -20.0).round(2).tolist()
        ([0.550000011920929, 0.44999998807907104], [1.0, -0.8199999928474426])
    """
    power, of_noise = float(np.dot(sound, sound)), float(np.dot(noise, noise))
    factor = (power / of_noise) ** 0.5 * 10 ** (-snr_db / 20) if of_noise > 0 else 0.0
    mixture = np.add(sound, factor * noise, dtype=np.float32)
    return np.divide(mixture, max(1.0, float(np.abs(mixture).max(initial=0.0)) / full_scale), dtype=np.float32)


def pink(rng: np.random.Generator, samples: int) -> Floats:
    """Noise with a power of 1 / frequency (3 dB less per octave) and mean 0, (samples,)."""
    number = np.arange(samples // 2 + 1)
    spectrum = rng.standard_normal(2 * len(number), dtype=np.float32).view(
        np.complex64
    )  # drawn as a spectrum: one transform, not two
    spectrum[1:] /= np.sqrt(number[1:], dtype=np.float32)
    spectrum[0] = 0
    return torch.fft.irfft(torch.from_numpy(spectrum), n=samples).numpy()


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Make a sound louder or softer."""

    most_db: float = 0.0
    """largest change in either direction, in decibels"""

    def __post_init__(self) -> None:
        if not 0 <= self.most_db < np.inf:
            raise ColliculusError(f"`most_db` of the gain is {self.most_db}: choose 0 or a positive number")

    def __call__(self, waveforms: Values, draws: Draws) -> Values:
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
    kind: Literal["white", "pink", "other", "babble"] = "white"
    """white; pink, 3 dB less per octave; other: the sound of another training sample of any class; babble: of four"""
    snr_db: tuple[float, float] = (5.0, 30.0)
    """lowest and highest signal-to-noise ratio in decibels"""

    def __post_init__(self) -> None:
        check_share("`probability` of background noise", self.probability)
        check_range("`snr_db` of background noise", self.snr_db, least=-200, most=200)

    @property
    def num_voices(self) -> int:
        """Number of other samples whose sound is the noise of one."""
        return {"other": 1, "babble": NUM_VOICES}.get(self.kind, 0) if self.probability else 0

    def __call__(self, waveforms: Values, draws: Draws, others: Values | None) -> Values:
        """Add noise to (B, samples), as `add_at_snr`; `others` (B, samples) is noise made of other samples."""
        chosen = np.flatnonzero(draws.happens("noise?", self.probability))
        if not len(chosen):
            return waveforms
        ratios, noisy = draws.between("snr", *self.snr_db), waveforms.copy()
        generators = Draws(draws.keys[chosen]).generators("noise")
        loudest = 1.0 if waveforms.dtype.kind == "f" else float(np.iinfo(waveforms.dtype.name).max)
        for b, rng in zip(chosen, generators, strict=True):  # one by one, so that they stay in the cache
            noise = others[b].astype(np.float32) if others is not None else self._noise(rng, waveforms.shape[1])
            noisy[b] = as_stored(
                add_at_snr(waveforms[b].astype(np.float32), noise, ratios[b], loudest), waveforms.dtype
            )
        return noisy

    def _noise(self, rng: np.random.Generator, samples: int) -> Floats:
        return pink(rng, samples) if self.kind == "pink" else rng.standard_normal(samples, dtype=np.float32)


def bands(length: int, shares: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Positions of a line that lie in one of the bands of each sample, (B, N).

    Args:
        length: N, number of positions.
        shares: width of each band as a share of the line, (B, n), rounded down to whole positions.
        places: position in the free space, from 0 (start) to below 1 (end), (B, n).

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

    def over_time(self, values: Values, draws: Draws, fill: Values) -> Values:
        """Hide times of (B, C, H, W), or of (B, T, C, H, W), whose T parts follow one another in time."""
        if not self.num:
            return values
        parts = values.shape[1] if values.ndim == 5 else 1
        hidden = self._bands("time masks", draws, parts * values.shape[-1])
        return _hide(values, hidden.reshape(len(values), *[parts] * (values.ndim == 5), 1, 1, -1), fill)

    def over_frequency(self, values: Values, draws: Draws, fill: Values) -> Values:
        """Hide frequencies of (B, C, H, W), or of (B, T, C, H, W), the same in all its parts."""
        if not self.num:
            return values
        hidden = self._bands("frequency masks", draws, values.shape[-2])
        return _hide(values, hidden.reshape(len(values), *[1] * (values.ndim - 3), -1, 1), fill)

    def _bands(self, purpose: str, draws: Draws, length: int) -> NDArray[np.bool_]:
        shares, places = np.split(draws.uniform(purpose, 2 * self.num), 2, axis=1)
        return bands(length, self.most * shares, places)


def _hide(values: Values, hidden: NDArray[np.bool_], fill: Values) -> Values:
    return np.where(hidden, fill[:, None, None], values)


@dataclass(frozen=True, kw_only=True)
class WaveformAugment:
    """Augmentations of sounds as samples, in this order, before they become spectrograms."""

    shift: SoundShift = field(default_factory=SoundShift)
    """shift in time"""
    gain: Gain = field(default_factory=Gain)
    """make louder or softer"""
    noise: BackgroundNoise = field(default_factory=BackgroundNoise)
    """add noise"""

    def __call__(self, values: Values, draws: Draws, others: Values | None) -> Values:
        """Change (B, samples); `others` (B, samples) are sounds to use as noise."""
        return self.noise(self.gain(self.shift(values, draws), draws), draws, others)


@dataclass(frozen=True, kw_only=True)
class SpectrogramAugment:
    """Augmentations of spectrograms, in this order."""

    shift: SoundShift = field(default_factory=SoundShift)
    """shift in time"""
    time_masks: Masks = field(default_factory=Masks)
    """hide times"""
    frequency_masks: Masks = field(default_factory=Masks)
    """hide frequencies"""

    def __call__(self, values: Values, draws: Draws, fill: Values) -> Values:
        """Change (B, C, H, W) or (B, T, C, H, W); `fill` (C,) is what hides."""
        hidden = self.time_masks.over_time(self.shift.of_spectrograms(values, draws), draws, fill)
        return self.frequency_masks.over_frequency(hidden, draws, fill)
