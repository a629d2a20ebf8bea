"""A balance: one modality waits in the first epochs, so that the others are not drowned out."""

from __future__ import annotations

import torch

import colliculus as cl
from colliculus.modulation import PreparedLosses
from colliculus.types import Collective


class SlowStart(cl.Modulator):
    """The encoder of the first modality learns nothing in the first `epochs`.

    Settings of a balance of another package are numbers: --method.balance.plug-in.settings epochs 2
    """

    def __init__(self, epochs: float = 2) -> None:
        self.epochs, self.epoch = epochs, 0

    def begin_epoch(self, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        """Remember the epoch, counted from 0."""
        self.epoch = epoch

    def __call__(
        self,
        model: cl.MultimodalSNN,
        output: cl.Output,
        labels: torch.Tensor,
        collective: Collective,
        prepared: PreparedLosses,
    ) -> dict[str, float]:
        """Drop the gradients of the encoder that waits; report whether it does."""
        waits = self.epoch < self.epochs
        for parameter in model.stream_parameters(model.modalities[0]) if waits else ():
            parameter.grad = None
        return {"waits": float(waits)}
