"""MSLR: modality-specific learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, Prepared
from colliculus.modulation.scores import shares_or_own_answers
from colliculus.types import Collective, ColliculusError, Output


@dataclass(frozen=True, kw_only=True)
class MSLRSettings:
    """Settings of MSLR.

    Raises:
        ColliculusError: a setting is out of range.
    """

    window: int = 5
    """Epochs of validation that are looked back on."""

    def __post_init__(self) -> None:
        if self.window < 2:
            raise ColliculusError(f"`window` of mslr is {self.window}: it compares epochs, choose at least 2")


def recent_gain(accuracies: Sequence[float]) -> float:
    """The last accuracy over the mean of all given: above 1 while a modality still gains; 1 where there is nothing yet.

    Example:
        >>> recent_gain([0.25, 0.75]), recent_gain([]), recent_gain([0.0, 0.0])
        (1.5, 1.0, 1.0)
    """
    mean = sum(accuracies) / len(accuracies) if accuracies else 0.0
    return accuracies[-1] / mean if mean else 1.0


class MSLR(Modulator):
    """Each encoder learns at a rate of its own (Yao and Mihalcea, Findings of ACL 2022), the dynamic kind.

    factor_m = a_m(t) / mean of a_m over the last `window` epochs, a_m the accuracy of modality m alone on the
    **validation** part, by its own head, or by its share of the logits where there is none. A modality that still
    gains goes on faster, one that loses again is slowed.

    This is our reading: the factor multiplies the schedule's learning rate afresh in every epoch. It acts on the
    learning rate itself, for an optimiser that normalises gradients (AdamW) would take no notice of scaled ones.

    Args:
        settings: the window.
    """

    def __init__(self, settings: MSLRSettings) -> None:
        self._settings = settings
        self._accuracies: dict[str, list[float]] = {}

    def learning_rates(self) -> dict[str, float]:
        """The factor of each encoder."""
        return {m: recent_gain(recent) for m, recent in self._accuracies.items()}

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: Prepared
    ) -> dict[str, float]:
        """Leave the gradients alone; report the factors."""
        answers = shares_or_own_answers(output, "mslr")
        factors = dict.fromkeys(answers, 1.0) | self.learning_rates()
        return {f"rate_{m}": factor for m, factor in factors.items()}

    def end_epoch(self, validation_accuracy: Mapping[str, float]) -> None:
        """Remember the last few accuracies."""
        for modality, accuracy in validation_accuracy.items():
            recent = [*self._accuracies.get(modality, []), accuracy]
            self._accuracies[modality] = recent[-self._settings.window :]

    def state(self) -> dict[str, Any]:
        """The accuracies it looks back on."""
        return {"accuracies": {m: list(recent) for m, recent in self._accuracies.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with those accuracies."""
        self._accuracies = {m: list(recent) for m, recent in state["accuracies"].items()}
