"""Hooks of the training loop for modality balancing."""

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
class PreparedLosses:
    """Result of a modulator before the backward pass, for that pass and for its own call after it.

    Args:
        losses: the named terms whose sum is minimised.
        gradients: gradients of each modality's encoder, flattened, that the backward pass would mix with others; equal
            on every rank.
        report: named numbers for the log that are already known; equal on every rank.
    """

    losses: dict[str, Tensor]
    gradients: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    report: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Validation:
    """Figures of the validation part at the end of an epoch, equal on every rank; empty without such a part.

    Args:
        accuracy: accuracy of each modality that has predictions of its own, by its own head or by its share.
        loss: mean cross-entropy of these predictions, and of those of the whole network under the name "".
    """

    accuracy: Mapping[str, float] = field(default_factory=dict[str, float])
    loss: Mapping[str, float] = field(default_factory=dict[str, float])


class Modulator(Protocol):
    """Changes losses, gradients and learning rates, equally on every rank.

    The methods are in the order in which the training loop calls them. By default each does nothing.

    Example:
        >>> class HalveAudio(Modulator):
        ...     def learning_rates(self):
        ...         return {"audio": 0.5}
        >>> HalveAudio().learning_rates(), HalveAudio().state()
        ({'audio': 0.5}, {})
    """

    needs_validation: bool = False
    """True where `end_epoch` cannot do without the figures of a validation part."""
    differentiates: bool = False
    """True where the balance differentiates losses by itself, beside the backward pass."""

    def remarks(self, optimizer: str) -> tuple[str, ...]:
        """Sentences to warn with at the start of a training by that optimiser, "adamw" or "sgd"."""
        return ()

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Begin an epoch, counted from 0, of `epochs`. All random numbers in it depend on `seed` and `epoch` only."""
        return

    def learning_rates(self) -> Mapping[str, float]:
        """Factors of the epoch's learning rate for the encoders, by modality."""
        return {}

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Compute the losses of a step."""
        return PreparedLosses(objective(output, labels))

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Change the gradients of `model` in place after the backward pass; return named numbers for the log."""
        return prepared.report

    def end_epoch(self, validation: Validation) -> None:
        """End an epoch, after validation."""
        return

    def state(self) -> dict[str, Any]:
        """State after an epoch, for exact resume: tensors and plain values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        return


class NoModulation(Modulator):
    """Changes nothing."""
