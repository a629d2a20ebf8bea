"""Random numbers of a sample: a pure function of the seed, the epoch and the index of the sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.generic]
"""Samples of one modality, (B, ...), of any numeric type."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def splitmix(states: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The next output of SplitMix64 for each state.

    Source: G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.

    Example:
        >>> hex(splitmix(np.zeros(1, dtype=np.uint64))[0])
        '0xe220a8397b1dcdaf'
    """
    z = states + _GAMMA
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@dataclass(frozen=True, eq=False)
class Draws:
    """Random numbers of the samples of a batch, the same in any batch, on any rank and in any order.

    Args:
        keys: one number for each sample, (B,), made by `of`.

    Example:
        >>> together = Draws.of(0, 3, np.array([7, 8])).uniform("flip", 1)
        >>> bool(together[1] == Draws.of(0, 3, np.array([8])).uniform("flip", 1))
        True
    """

    keys: NDArray[np.uint64]

    @staticmethod
    def of(seed: int, epoch: int, indices: NDArray[np.int64]) -> Draws:
        """Random numbers of the samples at `indices` (B,) of a split, in one epoch."""
        keys = np.zeros(1, dtype=np.uint64)
        for part in (np.array([seed]), np.array([epoch]), indices):
            keys = splitmix(keys ^ part.astype(np.uint64))
        return Draws(np.broadcast_to(keys, len(indices)))

    def of_modality(self, modality: str) -> Draws:
        """Random numbers that a modality shares with no other."""
        return Draws(self._keys(f"modality {modality}"))

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        """(B, count) uniform numbers from 0 to below 1; every purpose has numbers of its own."""
        states = self._keys(purpose)[:, None] + np.arange(count, dtype=np.uint64) * _GAMMA
        return (splitmix(states) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def between(self, purpose: str, low: float, high: float) -> NDArray[np.float64]:
        """(B,) uniform numbers from `low` to `high`."""
        return low + (high - low) * self.uniform(purpose, 1)[:, 0]

    def happens(self, purpose: str, probability: float) -> NDArray[np.bool_]:
        """(B,), each True with that probability."""
        return self.uniform(purpose, 1)[:, 0] < probability

    def normal(self, purpose: str, count: int) -> NDArray[np.float32]:
        """(B, count) numbers of the standard normal distribution, within +-6.7, by the transform of Box and Muller.

        Source: G. Box, M. Muller, A note on the generation of random normal deviates, Ann. Math. Stat. 29, 1958. Much
        faster than a generator of each sample, where the samples are small.
        """
        states = self._keys(purpose)[:, None] + np.arange(-(-count // 2), dtype=np.uint64) * _GAMMA
        drawn = splitmix(states).astype("<u8", copy=False)  # two numbers of 32 bits in each, in one order everywhere
        halves = drawn.view("<u4").reshape(*states.shape, 2).astype(np.float32)
        radius = np.sqrt(-2 * np.log((halves[..., 0] + 1) * np.float32(2.0**-32)))
        angle = halves[..., 1] * np.float32(2 * np.pi * 2.0**-32)
        pairs = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return pairs[:, :count]

    def generators(self, purpose: str) -> Iterator[np.random.Generator]:
        """Generator of each sample, for many numbers or for other distributions."""
        return (np.random.Generator(np.random.Philox(key=int(key))) for key in self._keys(purpose))

    def _keys(self, purpose: str) -> NDArray[np.uint64]:
        return splitmix(self.keys ^ np.uint64(crc32(purpose.encode())))
