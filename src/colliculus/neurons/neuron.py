"""Base classes of neurons, whether they send spikes or numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class Neuron(nn.Module, ABC):
    """Base class of all neurons: currents (T, B, *) -> values (T, B, *)."""

    @abstractmethod
    def forward(self, currents: Tensor, steps: int | None = None) -> Tensor:
        """(T, B, *) -> (T, B, *), or (1, B, *) -> (steps, B, *) if every step gets the same currents."""

    def keeps_order(self, steps: int) -> bool:  # noqa: ARG002 (the answer of a kind may depend on it)
        """True if over so many steps a larger current never gives a smaller value, and no step depends on another.

        A maximum may then be taken before the neuron, with the same result and fewer updates.
        """
        return False


class SpikingNeuron(Neuron, ABC):
    """Base class of neurons that send spikes. Hooks on this class count spikes.

    Attributes:
        unit: value of one binary spike; graded spikes are multiples of it.
        levels: most binary spikes of a neuron in one time step.
        resumes: True if it starts from the membrane that `carried` gives it. A kind of your own that does not say so is
            refused where a network runs a few steps at a time.
    """

    resumes: ClassVar[bool] = False
    unit: float = 1.0
    levels: int = 1
