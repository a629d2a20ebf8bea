"""The doors of a training through which the modalities are kept in balance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from colliculus.model import MultimodalSNN
from colliculus.types import Collective, Output

Terms = Callable[[Output, Tensor], dict[str, Tensor]]
"""The objective: named terms of the output and the labels, hard (B,) or soft (B, K)."""


@dataclass(frozen=True)
class Prepared:
    """What a modulator hands to the backward pass, and to itself behind it.

    Args:
        losses: the named terms whose sum is minimised.
        gradients: of each modality's encoder, flattened, what the backward pass would mix with others; equal on every
            rank.
        report: named numbers for the log that are known already; equal on every rank.
    """

    losses: dict[str, Tensor]
    gradients: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    report: dict[str, float] = field(default_factory=dict[str, float])


class Modulator(Protocol):
    """What may happen to losses, gradients and learning rates; all of it must be equal on every rank.

    The methods stand in the order in which a training calls them. What one does not need is inherited and does nothing.
    """

    def begin_epoch(self, *, seed: int, epoch: int, device: torch.device) -> None:
        """An epoch, counted from 0, begins. Whatever is drawn at random in it follows from `seed` and `epoch` alone."""
        return

    def learning_rates(self) -> Mapping[str, float]:
        """Factors of the epoch's learning rate, of the encoders of the modalities named."""
        return {}

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> Prepared:
        """Compute the losses of a step."""
        return Prepared(objective(output, labels))

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: Prepared
    ) -> dict[str, float]:
        """Change the gradients of `model` in place, after the backward pass; return named numbers for the log."""
        return prepared.report

    def end_epoch(self, validation_accuracy: Mapping[str, float]) -> None:
        """An epoch is over and the model is validated: accuracy by modality, as far as each answers for itself."""
        return

    def state(self) -> dict[str, Any]:
        """What must be known after an epoch to go on exactly: tensors and plain values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        return


class NoModulation(Modulator):
    """Leaves everything as it is."""
