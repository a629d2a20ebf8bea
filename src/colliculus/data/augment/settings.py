"""Settings of augmentations by kind of modality; everything is off unless it is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.colour import ColourJitter
from colliculus.data.augment.crop import RandomResizedCrop
from colliculus.data.augment.draws import Draws
from colliculus.data.augment.erase import RandomErasing
from colliculus.data.augment.events import EventDrop
from colliculus.data.augment.flip import Flip
from colliculus.data.augment.masks import Masks
from colliculus.data.augment.mix import CutMix, Mixup
from colliculus.data.augment.noise import BackgroundNoise, Gain
from colliculus.data.augment.shift import SoundShift
from colliculus.types import ColliculusError

ModalityKind = Literal["pictures", "spectrograms", "waveforms", "events"]
"""Kind of a modality as it is stored: images (levels 0..255), log spectra, samples of sound, or counts of events."""

_KINDS_OF: Mapping[str, frozenset[ModalityKind]] = {
    "pictures": frozenset({"pictures"}),
    "spectrograms": frozenset({"spectrograms", "waveforms"}),
    "waveforms": frozenset({"waveforms"}),
    "events": frozenset({"events"}),
}
"""Kinds of modality that a group of settings acts on; waveforms become spectrograms."""


@dataclass(frozen=True, kw_only=True)
class ImageAugment:
    """Augmentations of images, in this order; all frames of a clip are treated alike."""

    crop: RandomResizedCrop = field(default_factory=RandomResizedCrop)
    """show a part of the image in the size of the whole"""
    flip: Flip = field(default_factory=Flip)
    """mirror left to right"""
    colour: ColourJitter = field(default_factory=ColourJitter)
    """change brightness, contrast, saturation"""
    erase: RandomErasing = field(default_factory=RandomErasing)
    """hide a part"""

    def __call__(self, values: NDArray[np.generic], draws: Draws, fill: NDArray[np.generic]) -> NDArray[np.generic]:
        """Change (B, C, H, W) or (B, T, C, H, W); `fill` (C,) is what hides."""
        return self.erase(self.colour(self.flip(self.crop(values, draws), draws), draws), draws, fill)


@dataclass(frozen=True, kw_only=True)
class WaveformAugment:
    """Augmentations of sounds stored as samples, in this order, before they become spectrograms."""

    shift: SoundShift = field(default_factory=SoundShift)
    """shift in time"""
    gain: Gain = field(default_factory=Gain)
    """make louder or softer"""
    noise: BackgroundNoise = field(default_factory=BackgroundNoise)
    """add noise"""

    def __call__(
        self, values: NDArray[np.generic], draws: Draws, others: NDArray[np.generic] | None
    ) -> NDArray[np.generic]:
        """Change (B, samples); `others` (B, samples) are sounds to use as noise."""
        return self.noise(self.gain(self.shift(values, draws), draws), draws, others)


@dataclass(frozen=True, kw_only=True)
class SpectrogramAugment:
    """Augmentations of spectrograms, in this order."""

    shift: SoundShift = field(default_factory=SoundShift)
    """shift in time"""
    time_masks: Masks = field(default_factory=Masks)
    """hide times"""
    frequency_masks: Masks = field(default_factory=Masks)
    """hide frequencies"""

    def __call__(self, values: NDArray[np.generic], draws: Draws, fill: NDArray[np.generic]) -> NDArray[np.generic]:
        """Change (B, C, H, W) or (B, T, C, H, W); `fill` (C,) is what hides."""
        hidden = self.time_masks.over_time(self.shift.of_spectrograms(values, draws), draws, fill)
        return self.frequency_masks.over_frequency(hidden, draws, fill)


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Augmentation of training samples; validation, test and prediction have none.

    Sizes do not change: crops are resized to the stored size, which is also the size of evaluation. The random numbers
    of a sample follow from `seed`, the epoch and the index of the sample alone; modalities of one kind share them, so
    that aligned modalities stay aligned.

    Raises:
        ColliculusError: a setting is out of range.
    """

    pictures: ImageAugment = field(default_factory=ImageAugment)
    """images"""
    waveforms: WaveformAugment = field(default_factory=WaveformAugment)
    """sounds stored as samples"""
    spectrograms: SpectrogramAugment = field(default_factory=SpectrogramAugment)
    """spectrograms"""
    events: EventDrop = field(default_factory=EventDrop)
    """counts of events"""
    mixup: Mixup = field(default_factory=Mixup)
    """add two samples, with soft labels"""
    cutmix: CutMix = field(default_factory=CutMix)
    """replace a part of a sample by another, with soft labels"""
    seed: int = 0
    """seed of all augmentations"""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ColliculusError(f"`seed` of the augmentation is {self.seed}: choose 0 up to 2**63 - 1")
        if self.mixup.probability + self.cutmix.probability > 1:
            raise ColliculusError("the probabilities of mixup and cutmix add up to more than 1: lower one of them")

    @property
    def is_set(self) -> bool:
        """True if anything but the seed differs from the defaults, which change nothing."""
        return self != Augment(seed=self.seed)

    @property
    def mixes(self) -> bool:
        """True if samples are mixed, so that labels are soft."""
        return self.mixup.probability + self.cutmix.probability > 0

    def check_kinds(self, kinds: Mapping[str, ModalityKind]) -> None:
        """Check that every setting acts on a modality.

        Args:
            kinds: kind of each modality; modalities that are not named are only mixed.

        Raises:
            ColliculusError: something is set for a kind that no modality is of.
        """
        for group, fitting in _KINDS_OF.items():
            if getattr(self, group) != getattr(Augment(), group) and fitting.isdisjoint(kinds.values()):
                held = ", ".join(f"{m} ({kind})" for m, kind in kinds.items()) or "modalities of no known kind"
                raise ColliculusError(f"augment.{group} is set, and the data hold {held}: leave it off for these data")

    def stored(
        self, kind: ModalityKind | None, values: NDArray[np.generic], draws: Draws, others: NDArray[np.generic] | None
    ) -> NDArray[np.generic]:
        """Augment a modality as it is stored, before it is converted to inputs; `others` as in `WaveformAugment`."""
        return self.waveforms(values, draws, others) if kind == "waveforms" else values

    def made(
        self, kind: ModalityKind | None, values: NDArray[np.generic], draws: Draws, fill: NDArray[np.generic]
    ) -> NDArray[np.generic]:
        """Augment inputs (B, C, H, W) or (B, T, C, H, W) before they are standardised; `fill` (C,) is what hides."""
        if kind == "pictures":
            return self.pictures(values, draws, fill)
        if kind in ("spectrograms", "waveforms"):
            return self.spectrograms(values, draws, fill)
        return self.events(values, draws) if kind == "events" else values
