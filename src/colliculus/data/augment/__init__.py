"""Augmentations: training samples varied at random, as a pure function of (seed, epoch, index of the sample)."""

from __future__ import annotations

from colliculus.data.augment.settings import SMALL_DATA, Augment, ModalityKind
from colliculus.data.augment.split import AugmentedSplit, augmented

__all__ = ["SMALL_DATA", "Augment", "AugmentedSplit", "ModalityKind", "augmented"]
