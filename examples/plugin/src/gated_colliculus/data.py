"""A dataset: two microphones hear a beep; which of them is first is the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import colliculus as cl
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.media.array_files import ArrayReader


@dataclass(frozen=True, kw_only=True)
class TwoBeeps:
    """Generated recordings of two microphones, (n, 1, 64) each."""

    name: ClassVar[str] = "two-beeps"

    samples: int = 200
    """recordings"""
    noise: float = 0.3
    """deviation of the noise"""
    seed: int = 0
    """seed of the recordings and of the split"""

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Make the recordings; a trained run gives its own normalisation."""
        draw = np.random.default_rng(self.seed)
        labels = np.arange(self.samples) % 2
        start = draw.integers(4, 40, self.samples)
        inputs = {}
        for place, name in enumerate(("left", "right")):
            beep = start + np.where(labels == place, 0, 12)
            inside = (np.arange(64) >= beep[:, None]) & (np.arange(64) < beep[:, None] + 8)
            inputs[name] = (inside + self.noise * draw.normal(size=inside.shape))[:, None]
        names = np.array(["left first", "right first"])[labels]
        return cl.from_series(inputs, names, seed=self.seed, normalisation=normalisation)

    def reader(self, spec: cl.DataSpec) -> ArrayReader:
        """Reader of files for `colliculus predict`: left.npy and right.npy."""
        return ArrayReader(spec)
