"""MSLR: modality-specific learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses
from colliculus.modulation.scores import shares_or_own_logits
from colliculus.types import Collective, ColliculusError, Output


@dataclass(frozen=True, kw_only=True)
class MSLRSettings:
    """Settings of MSLR."""

    window: int = 5
    """Number of last epochs whose validation accuracy is averaged."""

    def __post_init__(self) -> None:
        if self.window < 2:
            raise ColliculusError(f"`window` of mslr is {self.window}: choose at least 2 epochs")


def recent_gain(accuracies: Sequence[float]) -> float:
    """The last accuracy over the mean of all given: above 1 while a modality still gains; 1 without accuracies.

    Example:
        >>> recent_gain([0.25, 0.75]), recent_gain([]), recent_gain([0.0, 0.0])
        (1.5, 1.0, 1.0)
    """
    mean = sum(accuracies) / len(accuracies) if accuracies else 0.0
    return accuracies[-1] / mean if mean else 1.0


class MSLR(Modulator):
    """Each encoder has its own learning rate (Yao and Mihalcea, Findings of ACL 2022), in the dynamic version.

    factor_m = a_m(t) / mean of a_m over the last `window` epochs, where a_m is the accuracy of modality m alone on the
    **validation** part, from its own head, or from its share of the logits if it has no head. The factor speeds up a
    modality that still gains and slows down one that loses.

    This is our reading: in every epoch the factor multiplies the learning rate of the schedule. It acts on the learning
    rate itself, because an optimiser that normalises gradients (AdamW) would undo a scaling of the gradients.
    """

    needs_validation: ClassVar[bool] = True

    def __init__(self, settings: MSLRSettings) -> None:
        self._settings = settings
        self._accuracies: dict[str, list[float]] = {}

    def learning_rates(self) -> dict[str, float]:
        """The factor of each encoder."""
        return {m: recent_gain(recent) for m, recent in self._accuracies.items()}

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Leave the gradients alone; report the factors."""
        factors = dict.fromkeys(shares_or_own_logits(output, "mslr"), 1.0) | self.learning_rates()
        return {f"rate_{m}": factor for m, factor in factors.items()}

    def end_epoch(self, validation_accuracy: Mapping[str, float]) -> None:
        """Store the last accuracies."""
        for modality, accuracy in validation_accuracy.items():
            recent = [*self._accuracies.get(modality, []), accuracy]
            self._accuracies[modality] = recent[-self._settings.window :]

    def state(self) -> dict[str, Any]:
        """The last accuracies."""
        return {"accuracies": {m: list(recent) for m, recent in self._accuracies.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the accuracies."""
        self._accuracies = {m: list(recent) for m, recent in state["accuracies"].items()}
