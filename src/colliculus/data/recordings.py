"""Sounds of the samples of a split while they are waveforms, which is where acoustic noise is added."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NUM_VOICES = 4
"""Number of other recordings that babble is made of."""


@dataclass(frozen=True, eq=False)
class Recordings:
    """Waveforms of the samples of a split, and the inputs that are made from them.

    Args:
        num: number of samples of the split.
        waveform: waveform of the sample at an index, (samples,) with full scale +-1; lengths may differ.
        made: for each modality that is made from the sound, its conversion to an input that is not standardised,
            (C, H, W) or (T, C, H, W).

    Example:
        >>> tones = np.array([[0.0, 1.0], [1.0, -1.0]], dtype=np.float32)
        >>> recordings = Recordings(2, lambda index: tones[index], {"audio": lambda wave: wave.reshape(1, 1, 2)})
        >>> recordings.inputs([recordings.waveform(1)])["audio"].shape
        (1, 1, 1, 2)
    """

    num: int
    waveform: Callable[[int], Floats]
    made: Mapping[str, Callable[[Floats], Floats]]

    def inputs(self, waveforms: Sequence[Floats]) -> dict[str, NDArray[np.generic]]:
        """Inputs of each modality, (B, ...), from the waveforms of B samples."""
        return {m: np.stack([make(wave) for wave in waveforms]) for m, make in self.made.items()}

    def voices(self, index: int, positions: Sequence[float]) -> list[Floats]:
        """Waveforms of other samples; a position, from 0 to below 1, chooses one of all the others."""
        return [self.waveform(other) for other in others(self.num, index, positions)]


def others(num: int, index: int, positions: Sequence[float]) -> list[int]:
    """Indices of other samples than `index` among `num`; each position, from 0 to below 1, chooses one of them.

    Example:
        >>> others(5, 3, [0.0, 0.5, 0.99])
        [4, 1, 2]
    """
    return [(index + 1 + int(position * (num - 1))) % num for position in positions]


def babble(voices: Sequence[Floats], samples: int) -> Floats:
    """Sum of voices at equal power, (samples,); shorter ones are repeated, longer ones are cut.

    Example:
        >>> voices = [np.array([2.0, -2.0], dtype=np.float32), np.array([1.0, 1.0, 1.0, 9.0], dtype=np.float32)]
        >>> babble(voices, 3).tolist()
        [2.0, 0.0, 2.0]
    """
    mixed = np.zeros(samples, dtype=np.float32)
    for voice in voices:
        fitted = np.resize(voice, samples).astype(np.float32)
        rms = np.sqrt(np.square(fitted).mean())
        mixed += fitted / rms if rms > 0 else 0.0
    return mixed
