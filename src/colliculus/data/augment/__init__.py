"""Augmentations: training samples varied at random, as a pure function of (seed, epoch, index of the sample)."""

from __future__ import annotations

from colliculus.data.augment.settings import Augment, ModalityKind
from colliculus.data.augment.split import AugmentedSplit, augmented

__all__ = ["Augment", "AugmentedSplit", "ModalityKind", "augmented"]
