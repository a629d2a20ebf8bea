"""From a planned corruption to the function that applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.dataset import Normalisation, RawSplit, Split
from colliculus.data.noise import GaussianNoise, SnrOf, white_noise
from colliculus.evaluation.corruption.acoustic import AcousticNoise
from colliculus.evaluation.corruption.attack import SignAttack
from colliculus.evaluation.corruption.frames import blur, constant, drop_frames, occlude, shift
from colliculus.evaluation.corruption.plan import ATTACKS, NOISES, Corruption
from colliculus.evaluation.inference import Corrupt
from colliculus.model import MultimodalSNN

Inputs = dict[str, Tensor]
Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Corrupter:
    """Makes the function that applies a corruption to the inputs of a batch.

    Args:
        model: model to attack.
        split: samples to corrupt: an attack needs their labels, acoustic noise their recordings.
        normalisation: normalisation of the inputs; a modality it does not name is not standardised.
        snr_db: training noise, kept during the test; measured noise replaces it.
        snr_of: input whose power the ratios of the training noise refer to.
        attack_steps: steps of PGD.
    """

    model: MultimodalSNN
    split: Split
    normalisation: Normalisation
    snr_db: Mapping[str, float]
    attack_steps: int
    snr_of: SnrOf = "standardised"

    def __call__(self, corruption: Corruption | None) -> Corrupt:
        """The training noise followed by the corruption; None gives the training noise alone."""
        replaced = corruption.targets if corruption and corruption.kind in NOISES else ()
        kept = {m: snr_db for m, snr_db in self.snr_db.items() if m not in replaced}
        learned = white_noise(kept, self.snr_of, self.normalisation) or GaussianNoise({})
        own = None if corruption is None or corruption.absent else self._own(corruption)
        return learned if own is None else lambda inputs, rows: own(learned(inputs, rows), rows)

    def _own(self, corruption: Corruption) -> Corrupt:
        if corruption.kind in ATTACKS:
            steps = 1 if corruption.kind == "fgsm" else self.attack_steps
            epsilon = dict.fromkeys(corruption.targets, float(corruption.severity))
            return SignAttack(self.model, self.split.labels, epsilon, steps, corruption.seed)
        if corruption.kind in NOISES:
            return self._noise(corruption, float(corruption.severity))

        def corrupt(inputs: Inputs, rows: Rows) -> Inputs:
            return {
                m: self._of_frames(x, m, rows, corruption) if m in corruption.targets else x for m, x in inputs.items()
            }

        return corrupt

    def _noise(self, corruption: Corruption, snr_db: float) -> Corrupt:
        if corruption.kind in ("acoustic", "babble"):
            sound = next(name for name, made in sounds_of(self.split).items() if {*corruption.targets} <= {*made})
            return AcousticNoise(cast("RawSplit", self.split), sound, snr_db, corruption.kind, corruption.seed)
        raw = self.normalisation if corruption.kind == "white-raw" else None
        colour = "pink" if corruption.kind == "pink" else "white"
        return GaussianNoise(dict.fromkeys(corruption.targets, snr_db), corruption.seed, colour, raw)

    def _of_frames(self, x: Tensor, modality: str, rows: Rows, corruption: Corruption) -> Tensor:
        """One modality under a corruption of its frames; random numbers depend on no other sample of the batch."""
        if isinstance(corruption.severity, str):
            return constant(x, self._substitute(modality, corruption.severity, x.shape[-3]))
        draws = [np.random.default_rng((corruption.seed, crc32(modality.encode()), int(row))) for row in rows]
        match corruption.kind:
            case "blur":
                return blur(x, corruption.severity) if corruption.severity else x
            case "occlusion":
                return occlude(x, corruption.severity, draws)
            case "drops":
                return drop_frames(x, corruption.severity, draws)
            case _:
                return shift(x, int(corruption.severity))

    def _substitute(self, modality: str, word: str, channels: int) -> tuple[float, ...]:
        """Standardised values, one per channel: the training mean is 0, raw zeros are -mean / std."""
        if word == "mean" or modality not in self.normalisation.mean:
            return (0.0,) * channels
        stated = zip(self.normalisation.mean[modality], self.normalisation.std[modality], strict=True)
        return tuple(-mean / std for mean, std in stated)


def sounds_of(split: Split) -> dict[str, tuple[str, ...]]:
    """Sounds of a split whose waveforms are at hand, with the modalities that are made from each."""
    found = split.recordings(epoch=0) if isinstance(split, RawSplit) else {}
    return {name: tuple(recordings.made) for name, recordings in found.items()}
