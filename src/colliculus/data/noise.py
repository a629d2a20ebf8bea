"""Noise on the inputs, at test time and in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.dataset import DerivedSplit, Normalisation
from colliculus.types import MOST_DB, Batch, ColliculusError, DataSpec, SnrOf, unknown_name

Colour = Literal["white", "pink"]


@dataclass(frozen=True)
class GaussianNoise:
    """Gaussian noise on standardised inputs, of a given signal-to-noise ratio in every sample.

    The standard deviation of the noise is rms(sample) * 10**(-snr_db / 20), with the rms over all values of the sample
    and modality. The noise of a sample depends only on `seed`, the modality and the sample's row in the split, so it is
    the same for any batch size and number of ranks.

    White noise is independent in every value. Pink noise is smooth over a frame: its power falls with the square of the
    spatial frequency, so every octave of an image or spectrogram has the same power. Its mean is zero and its ratio is
    exact in every sample, not on average.

    Args:
        snr_db: signal-to-noise ratio of each noisy modality, in decibels; the others stay clean.
        seed: seed of the noise, at least 0.
        colour: "white" or "pink".
        raw: None: the ratio is that of standardised inputs. The normalisation of the data: noise and rms are those of
            the input before it is standardised, as in the noise of S-CMRL's program. A log spectrogram or an image has
            a large mean there, so the same ratio is far more noise.

    Raises:
        ColliculusError: a ratio or the seed is out of range.

    Example:
        >>> inputs = {"audio": torch.ones(2, 1, 4, 4), "visual": torch.ones(2, 3, 4, 4)}
        >>> noisy = GaussianNoise({"audio": -10.0})(inputs, np.array([7, 8]))
        >>> noisy["visual"] is inputs["visual"], torch.equal(noisy["audio"][0], noisy["audio"][1])
        (True, False)
    """

    snr_db: Mapping[str, float]
    seed: int = 0
    colour: Colour = "white"
    raw: Normalisation | None = None

    def __post_init__(self) -> None:
        for modality, snr_db in self.snr_db.items():
            if not abs(snr_db) <= MOST_DB:
                raise ColliculusError(f"the SNR of {modality} is {snr_db} dB: choose one within {MOST_DB} dB of 0")
        if self.seed < 0:
            raise ColliculusError(f"the seed of the noise is {self.seed}: choose 0 or more")

    def __call__(self, inputs: dict[str, Tensor], indices: NDArray[np.int64]) -> dict[str, Tensor]:
        """Noisy (B, C, H, W) or (T, B, C, H, W) of each modality, for the samples at `indices` (B,) of their split."""
        return {m: self._add(x, m, indices) if m in self.snr_db else x for m, x in inputs.items()}

    def _add(self, clean: Tensor, modality: str, indices: NDArray[np.int64]) -> Tensor:
        samples = clean.movedim(-4, 0)  # (B, ...): the batch axis comes before C, H, W, with or without T
        mean, deviation = self._units(modality, samples)
        rms = (samples * deviation + mean).flatten(1).square().mean(dim=1).sqrt()
        rms = rms.reshape(-1, *[1] * (samples.dim() - 1)) / deviation
        stream = crc32(modality.encode())
        generators = (np.random.default_rng((self.seed, stream, int(i))) for i in indices)
        noise = np.stack([rng.standard_normal(tuple(samples.shape[1:]), dtype=np.float32) for rng in generators])
        noise = pink(noise) if self.colour == "pink" else noise
        std = rms * 10 ** (-self.snr_db[modality] / 20)
        return (samples + std * torch.from_numpy(noise).to(clean.device)).movedim(0, -4)

    def _units(self, modality: str, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each channel, (C, 1, 1), in whose units the noise is added: 0 and 1 by default."""
        if self.raw is None or modality not in self.raw.mean:
            return samples.new_zeros(1, 1, 1), samples.new_ones(1, 1, 1)
        stated = self.raw.mean[modality], self.raw.std[modality]
        mean, deviation = (samples.new_tensor(values).reshape(-1, 1, 1) for values in stated)
        return mean, deviation


def white_noise(
    snr_db: Mapping[str, float], snr_of: SnrOf, normalisation: Normalisation, seed: int = 0
) -> GaussianNoise | None:
    """The noise of a training or a test; None where `snr_db` names no modality.

    Args:
        snr_db: signal-to-noise ratio of each noisy modality, in decibels.
        snr_of: input whose power the ratio refers to.
        normalisation: normalisation of the data.
        seed: seed of the noise.

    Raises:
        ColliculusError: a ratio refers to the raw input, and its mean and deviation are not known.

    Example:
        >>> white_noise({"audio": 0.0}, "raw", Normalisation({"audio": (3.0,)}, {"audio": (2.0,)})).raw.mean
        {'audio': (3.0,)}
    """
    if not snr_db:
        return None
    if snr_of == "raw" and (unknown := [m for m in snr_db if m not in normalisation.mean]):
        raise ColliculusError(
            f"the mean and deviation of {unknown[0]} before it was standardised are not known, and with them its raw "
            "power: give the ratio as that of the standardised input"
        )
    return GaussianNoise(snr_db, seed, raw=normalisation if snr_of == "raw" else None)


def in_words(snr_db: Mapping[str, float], snr_of: SnrOf) -> list[str]:
    """The noise of each modality in words.

    Example:
        >>> in_words({"visual": 10.0}, "standardised"), in_words({"visual": 10.0}, "raw")
        (['10 dB on visual'], ['10 dB on raw visual'])
    """
    of = "raw " if snr_of == "raw" else ""
    return [f"{ratio:g} dB on {of}{modality}" for modality, ratio in snr_db.items()]


def pink(white: NDArray[np.float32]) -> NDArray[np.float32]:
    """White noise (B, ..., H, W) filtered to a power of 1 / f^2 over the last two axes, with an rms of 1 per sample.

    Frequencies are in cycles per value, along both axes together. A frame of one value stays as it is.
    """
    height, width = white.shape[-2:]
    if height * width == 1:
        return white
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf  # no constant part
    smooth = np.fft.irfft2(np.fft.rfft2(white) / frequency, s=(height, width))
    rms = np.sqrt(np.square(smooth).mean(axis=tuple(range(1, white.ndim)), keepdims=True))
    return (smooth / rms).astype(np.float32)


def check_modalities(snr_db: Mapping[str, float], spec: DataSpec) -> None:
    """Check that the data have each noisy modality.

    Raises:
        ColliculusError: `snr_db` names an unknown modality.
    """
    if unknown := [m for m in snr_db if m not in spec.modalities]:
        raise unknown_name("modality", unknown[0], spec.modalities)


@dataclass(frozen=True, eq=False)
class NoisySplit(DerivedSplit):
    """A split with noise on its inputs that is drawn anew in each epoch, by the seed of `noise` and the epoch."""

    noise: GaussianNoise

    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:
        """The samples at `indices`, noisy."""
        clean = self.split.batch(indices, epoch=epoch)
        drawn = int(np.random.SeedSequence([self.noise.seed, epoch]).generate_state(1)[0])
        return replace(clean, inputs=replace(self.noise, seed=drawn)(clean.inputs, indices))
