"""Noise on each sample and modality of its own, which also teaches a model which modality to trust."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from colliculus.data.augment.bounds import check_range, check_share
from colliculus.data.augment.draws import Draws
from colliculus.types import MOST_DB


@dataclass(frozen=True, kw_only=True)
class SampleNoise:
    """Add white Gaussian noise to standardised inputs, drawn for each sample and each modality on its own.

    The signal-to-noise ratio is that of `GaussianNoise`: the deviation of the noise is rms(sample) * 10**(-snr_db /
    20), with the rms over all values of the sample and modality. A sample that lacks a modality stays zero.

    Example:
        >>> noise = SampleNoise(probability=0.5)
        >>> noisy = noise({"imu": torch.ones(6, 2, 1, 8)}, Draws.of(0, 0, np.arange(6)))["imu"]
        >>> (noisy != 1).flatten(1).any(dim=1).tolist()
        [True, False, False, False, True, False]
    """

    probability: float = 0.0
    """probability of adding noise to a modality of a sample, for each modality anew"""
    snr_db: tuple[float, float] = (-6.0, 10.0)
    """lowest and highest signal-to-noise ratio in decibels, uniform between them"""

    def __post_init__(self) -> None:
        check_share("`probability` of the noise", self.probability)
        check_range("`snr_db` of the noise", self.snr_db, least=-MOST_DB, most=MOST_DB)

    def __call__(self, inputs: dict[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        """Change (B, C, H, W) or (T, B, C, H, W) of each modality; the result may share memory with `inputs`."""
        return {m: self._add(x, m, draws) for m, x in inputs.items()} if self.probability else inputs

    def _add(self, clean: Tensor, modality: str, draws: Draws) -> Tensor:
        rows = np.flatnonzero(draws.happens(f"noise of {modality}?", self.probability))
        if not len(rows):
            return clean
        chosen, noisy = Draws(draws.keys[rows]), clean.clone()
        samples = clean.movedim(-4, 0)[torch.from_numpy(rows)]  # (chosen, ...): the batch axis comes before C, H, W
        rms = samples.flatten(1).square().mean(dim=1).sqrt()
        std = rms * torch.from_numpy(10 ** (-chosen.between(f"snr of {modality}", *self.snr_db) / 20)).float()
        white = torch.from_numpy(chosen.normal(f"noise of {modality}", samples[0].numel())).view_as(samples)
        noisy.movedim(-4, 0)[torch.from_numpy(rows)] = samples + std.reshape(-1, *[1] * (samples.dim() - 1)) * white
        return noisy
