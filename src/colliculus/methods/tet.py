"""TET: late fusion trained by a loss of every step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import nn

from colliculus.layers import SpikingMLP
from colliculus.losses import EfficientTraining, Objective
from colliculus.methods.late_streams import LateStreams
from colliculus.methods.spiking_transformer import Encoder
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class TET(LateStreams):
    """Temporal efficient training (Deng et al., ICLR 2022, arXiv 2202.11946) of the network of late fusion.

    The network is that of `LateFusion`; the cross-entropy is that of every step, averaged, and not that of the mean of
    the steps. A second term keeps the logits near 1, the threshold.

    Example:
        >>> import torch
        >>> from colliculus import DataSpec
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> method = TET(dim=32)
        >>> output = method.model(spec)({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)})
        >>> output.step_logits.shape, [*method.objective()(output, torch.tensor([0, 1]))]
        (torch.Size([4, 2, 6]), ['task'])
    """

    name: ClassVar[str] = "tet"

    pull: float = 0.05
    """Weight of the term that keeps the logits near 1, lambda in the paper; the cross-entropy has the rest of 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.pull < 1:
            raise ColliculusError(f"`pull` is {self.pull}: choose at least 0 and below 1")

    def stream(self, encoder: Encoder) -> nn.Module:
        """The encoder and an MLP, as in late fusion."""
        return nn.Sequential(encoder, SpikingMLP(self.dim, self.neuron))

    def objective(self) -> Objective:
        """The loss of every step, in the place of that of their mean."""
        objective = super().objective()
        return replace(objective, terms={**objective.terms, "task": EfficientTraining(self.label_smoothing, self.pull)})
