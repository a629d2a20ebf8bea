"""MSLR: modality-specific learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import torch
from torch import Tensor

from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Validation
from colliculus.modulation.epochs import EpochRange
from colliculus.modulation.scores import shares_or_own_logits
from colliculus.types import Collective, ColliculusError, Output, unknown_name


@dataclass(frozen=True, kw_only=True)
class MSLRSettings(EpochRange):
    """Settings of MSLR. The program of AGM, which compares with it, lets it act in the first 20 epochs."""

    window: int = 5
    """Number of epochs whose validation accuracies the last one is compared with; in as many it does not act."""
    factors: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)
    """Fixed factor of a modality's learning rate; a modality that is not named has 1. The program of AGM takes 0.9 for
    audio and 1.1 for visual on CREMA-D, and 1.3 and 0.7 on AV-MNIST."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < 1:
            raise ColliculusError(f"`window` of mslr is {self.window}: choose at least 1 epoch")
        if wrong := [m for m, factor in self.factors.items() if not 0 < factor < inf]:
            raise ColliculusError(f"`factors` of mslr has {self.factors[wrong[0]]} for {wrong[0]}: choose above 0")


def recent_gain(accuracies: Sequence[float], window: int) -> float:
    """The last accuracy over the mean of the `window` before it, above 1 while a modality still gains.

    1 while there are fewer than `window` before it, and where all of them are 0.

    Example:
        >>> recent_gain([0.25, 0.75, 1.0], window=2), recent_gain([0.25, 0.75], window=2)
        (2.0, 1.0)
    """
    *before, last = accuracies[-window - 1 :] or [1.0]
    mean = sum(before) / window if len(before) == window else 0.0
    return last / mean if mean else 1.0


class MSLR(Modulator):
    """Each encoder has its own learning rate (Yao and Mihalcea, Findings of ACL 2022), in the dynamic version.

    factor_m = f_m a_m(t) / mean of a_m over the `window` epochs before t, where a_m is the accuracy of modality m alone
    on the **validation** part, from its own head, or from its share of the logits if it has no head, and f_m a fixed
    factor. The quotient speeds up a modality that still gains and slows down one that loses; it is 1 as long as there
    are too few epochs.

    This is our reading: in the epochs in which it acts, the factor multiplies the learning rate of the schedule. It
    acts on the learning rate itself, because an optimiser that normalises gradients (AdamW) would undo a scaling of the
    gradients. Accuracies are gathered in every epoch.

    Deviation: the program of AGM scales gradients, before weight decay and momentum, and with each encoder the
    modality's own classifier, whose logits it adds. Here all modalities share one head, which keeps its learning rate.
    """

    needs_validation = True

    def __init__(self, settings: MSLRSettings) -> None:
        self._settings = settings
        self._acts = False
        self._accuracies: dict[str, list[float]] = {}

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Check whether to act in this epoch."""
        self._acts = self._settings.acts_in(epoch, epochs=epochs)

    def learning_rates(self) -> dict[str, float]:
        """The factor of each encoder; none in an epoch in which it does not act."""
        if not self._acts:
            return {}
        gains = {m: recent_gain(recent, self._settings.window) for m, recent in self._accuracies.items()}
        return {m: self._settings.factors.get(m, 1.0) * gains.get(m, 1.0) for m in {**self._settings.factors, **gains}}

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Leave the gradients alone; report the factors."""
        if unknown := [m for m in self._settings.factors if m not in model.modalities]:
            raise unknown_name("modality", unknown[0], model.modalities)
        factors = dict.fromkeys(shares_or_own_logits(output, "mslr"), 1.0) | self.learning_rates()
        return {f"rate_{m}": factor for m, factor in factors.items()}

    def end_epoch(self, validation: Validation) -> None:
        """Store the last accuracies."""
        for modality, accuracy in validation.accuracy.items():
            recent = [*self._accuracies.get(modality, []), accuracy]
            self._accuracies[modality] = recent[-self._settings.window - 1 :]

    def state(self) -> dict[str, Any]:
        """The last accuracies."""
        return {"accuracies": {m: list(recent) for m, recent in self._accuracies.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the accuracies."""
        self._accuracies = {m: list(recent) for m, recent in state["accuracies"].items()}
