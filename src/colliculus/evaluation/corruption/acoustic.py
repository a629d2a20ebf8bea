"""Noise on the sound itself, before its spectrogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.augment.sound import add_at_snr
from colliculus.data.dataset import RawSplit
from colliculus.data.recordings import NUM_VOICES, Floats, Recordings, babble

AcousticKind = Literal["acoustic", "babble"]


@dataclass(frozen=True, eq=False)
class AcousticNoise:
    """Add noise to waveforms and make the inputs from them, as they were made from the clean ones.

    The ratio is that of the powers of the whole waveforms (`add_at_snr`). The noise of a sample depends only on `seed`,
    `name` and its row.

    Args:
        split: split of the samples.
        name: name of its recordings.
        snr_db: signal-to-noise ratio in decibels.
        kind: "acoustic", white noise; "babble", other samples of the split, which are as loud as each other.
        seed: seed of the noise.
    """

    split: RawSplit
    name: str
    snr_db: float
    kind: AcousticKind
    seed: int = 0

    def __call__(self, inputs: dict[str, Tensor], rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """Inputs of each modality -> the same, those that are made from the sound noisy."""
        recordings = self.split.recordings(epoch=0)[self.name]
        noisy = recordings.inputs([self._noisy(recordings, row) for row in rows.tolist()])
        made = self.split.collate(noisy, rows).inputs
        return {m: made[m].to(x) if m in made else x for m, x in inputs.items()}

    def _noisy(self, recordings: Recordings, row: int) -> Floats:
        sound = recordings.waveform(row)
        drawn = np.random.default_rng((self.seed, crc32(self.name.encode()), row))
        if self.kind == "babble":
            noise = babble(recordings.voices(row, drawn.random(NUM_VOICES).tolist()), len(sound))
        else:
            noise = drawn.standard_normal(len(sound), dtype=np.float32)
        return add_at_snr(sound, noise, self.snr_db)
