"""From a planned corruption to the function that applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.data.dataset import Normalisation
from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.corruption.attack import SignAttack
from colliculus.evaluation.corruption.frames import Blur, Constant, FrameDrops, InTurn, Occlusion, TimeShift
from colliculus.evaluation.corruption.plan import NOISES, Corruption
from colliculus.evaluation.inference import Corrupt
from colliculus.model import MultimodalSNN
from colliculus.types import DataSpec


@dataclass(frozen=True, kw_only=True)
class Corrupter:
    """Makes the function that applies a corruption to the inputs of a batch.

    Args:
        model: model to attack.
        labels: (n,) true classes of the split, for an attack.
        spec: channels of the modalities.
        normalisation: normalisation of the inputs; a modality it does not name is not standardised.
        snr_db: training noise, kept during the test; measured noise replaces it.
        attack_steps: steps of PGD.
    """

    model: MultimodalSNN
    labels: NDArray[np.int64]
    spec: DataSpec
    normalisation: Normalisation
    snr_db: Mapping[str, float]
    attack_steps: int

    def __call__(self, corruption: Corruption | None) -> Corrupt:
        """The training noise followed by the corruption; None gives the training noise alone."""
        replaced = corruption.targets if corruption and corruption.kind in NOISES else ()
        left = {m: snr_db for m, snr_db in self.snr_db.items() if m not in replaced}
        own = None if corruption is None or corruption.absent else self._own(corruption)
        return InTurn([*([GaussianNoise(left)] if left else []), *([] if own is None else [own])])

    def _own(self, corruption: Corruption) -> Corrupt:
        if isinstance(corruption.severity, str):
            return Constant({m: self._substitute(m, corruption.severity) for m in corruption.targets})
        by_target, seed = dict.fromkeys(corruption.targets, corruption.severity), corruption.seed
        found: Corrupt
        match corruption.kind:
            case "white" | "pink":
                found = GaussianNoise(by_target, seed, corruption.kind)
            case "blur":
                found = Blur(by_target)
            case "occlusion":
                found = Occlusion(by_target, seed)
            case "drops":
                found = FrameDrops(by_target, seed)
            case "shift":
                found = TimeShift({m: int(steps) for m, steps in by_target.items()})
            case _:
                steps = 1 if corruption.kind == "fgsm" else self.attack_steps
                found = SignAttack(self.model, self.labels, by_target, steps, seed)
        return found

    def _substitute(self, modality: str, word: str) -> tuple[float, ...]:
        """Standardised values, one per channel: the training mean is 0, raw zeros are -mean / std."""
        channels = self.spec.channels[modality]
        mean = self.normalisation.mean.get(modality, (0.0,) * channels)
        std = self.normalisation.std.get(modality, (1.0,) * channels)
        zeros = tuple(-a / b for a, b in zip(mean, std, strict=True))
        return zeros if word == "zeros" else (0.0,) * channels
