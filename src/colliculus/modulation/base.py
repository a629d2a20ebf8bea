"""The door between backward and the optimiser's step."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from colliculus.types import Collective, Output


class Modulator(Protocol):
    """May change gradients after the backward pass; what it does must be equal on every rank."""

    def __call__(self, model: nn.Module, output: Output, labels: Tensor, collective: Collective) -> dict[str, float]:
        """Modulate the gradients of `model` in place; return named numbers for the log."""
        ...


class NoModulation:
    """Leaves every gradient as it is."""

    def __call__(self, model: nn.Module, output: Output, labels: Tensor, collective: Collective) -> dict[str, float]:
        """Do nothing; nothing to log."""
        return {}
