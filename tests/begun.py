"""A modulator in one of its epochs, as the training loop begins it."""

from __future__ import annotations

from typing import TypeVar

import torch

from colliculus.modulation import Modulator

ModulatorT = TypeVar("ModulatorT", bound=Modulator)


def begun(modulator: ModulatorT, epoch: int = 0, *, epochs: int = 4, seed: int = 0) -> ModulatorT:
    """The same modulator after the beginning of an epoch, counted from 0."""
    modulator.begin_epoch(seed=seed, epoch=epoch, epochs=epochs, device=torch.device("cpu"))
    return modulator
