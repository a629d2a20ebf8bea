"""Which augmentations a training has: settings by kind of modality, everything off unless it is set."""

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
"""What a modality holds, as it is stored: grey levels 0..255, log spectra, samples of sound, or counts of events."""

_KINDS_OF: Mapping[str, frozenset[ModalityKind]] = {
    "pictures": frozenset({"pictures"}),
    "spectrograms": frozenset({"spectrograms", "waveforms"}),
    "waveforms": frozenset({"waveforms"}),
    "events": frozenset({"events"}),
}
"""Which kinds of modality a group of settings acts on: of waveforms spectrograms are made."""


@dataclass(frozen=True, kw_only=True)
class ImageAugment:
    """What is done to pictures, in this order; all frames of a clip are treated alike."""

    crop: RandomResizedCrop = field(default_factory=RandomResizedCrop)
    """a part of the picture, stretched over the whole"""
    flip: Flip = field(default_factory=Flip)
    """mirrored left to right"""
    colour: ColourJitter = field(default_factory=ColourJitter)
    """other brightness, contrast, saturation"""
    erase: RandomErasing = field(default_factory=RandomErasing)
    """a part hidden"""

    def __call__(self, values: NDArray[np.generic], draws: Draws, fill: NDArray[np.generic]) -> NDArray[np.generic]:
        """Change (B, C, H, W) or (B, T, C, H, W); `fill` (C,) hides."""
        return self.erase(self.colour(self.flip(self.crop(values, draws), draws), draws), draws, fill)


@dataclass(frozen=True, kw_only=True)
class WaveformAugment:
    """What is done to sounds that are stored as samples, in this order, before spectrograms are made of them."""

    shift: SoundShift = field(default_factory=SoundShift)
    """earlier or later"""
    gain: Gain = field(default_factory=Gain)
    """louder or softer"""
    noise: BackgroundNoise = field(default_factory=BackgroundNoise)
    """noise added"""

    def __call__(
        self, values: NDArray[np.generic], draws: Draws, others: NDArray[np.generic] | None
    ) -> NDArray[np.generic]:
        """Change (B, samples); `others` (B, samples) are the sounds that the noise may be."""
        return self.noise(self.gain(self.shift(values, draws), draws), draws, others)


@dataclass(frozen=True, kw_only=True)
class SpectrogramAugment:
    """What is done to spectrograms, in this order."""

    shift: SoundShift = field(default_factory=SoundShift)
    """earlier or later"""
    time_masks: Masks = field(default_factory=Masks)
    """moments hidden"""
    frequency_masks: Masks = field(default_factory=Masks)
    """frequencies hidden"""

    def __call__(self, values: NDArray[np.generic], draws: Draws, fill: NDArray[np.generic]) -> NDArray[np.generic]:
        """Change (B, C, H, W) or (B, T, C, H, W); `fill` (C,) hides."""
        hidden = self.time_masks.over_time(self.shift.of_spectrograms(values, draws), draws, fill)
        return self.frequency_masks.over_frequency(hidden, draws, fill)


@dataclass(frozen=True, kw_only=True)
class Augment:
    """How training samples are varied; validation, test and prediction never are.

    Sizes do not change: whatever is cropped comes back in the size that is stored, which is what is evaluated on too.
    What is drawn for a sample follows from `seed`, the epoch and the sample's index alone; modalities of one kind share
    it, so that what is aligned stays so.

    Raises:
        ColliculusError: a setting is out of range.
    """

    pictures: ImageAugment = field(default_factory=ImageAugment)
    """of modalities that hold pictures"""
    waveforms: WaveformAugment = field(default_factory=WaveformAugment)
    """of sounds stored as samples"""
    spectrograms: SpectrogramAugment = field(default_factory=SpectrogramAugment)
    """of sounds as the model sees them"""
    events: EventDrop = field(default_factory=EventDrop)
    """of counts of events"""
    mixup: Mixup = field(default_factory=Mixup)
    """two samples added, with soft labels"""
    cutmix: CutMix = field(default_factory=CutMix)
    """a part of one sample in another, with soft labels"""
    seed: int = 0
    """decides everything drawn here"""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ColliculusError(f"`seed` of the augmentation is {self.seed}: choose 0 up to 2**63 - 1")
        if self.mixup.probability + self.cutmix.probability > 1:
            raise ColliculusError("the probabilities of mixup and cutmix add up to more than 1: lower one of them")

    @property
    def is_set(self) -> bool:
        """Whether anything but the seed differs from the defaults, which change nothing."""
        return self != Augment(seed=self.seed)

    @property
    def mixes(self) -> bool:
        """Whether samples are mixed, so that labels are soft."""
        return self.mixup.probability + self.cutmix.probability > 0

    def check_kinds(self, kinds: Mapping[str, ModalityKind]) -> None:
        """Refuse settings that would change nothing.

        Args:
            kinds: what each modality holds; those not named are only ever mixed.

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
        """What is done to inputs (B, C, H, W) or (B, T, C, H, W) before they are standardised; `fill` (C,) hides."""
        if kind == "pictures":
            return self.pictures(values, draws, fill)
        if kind in ("spectrograms", "waveforms"):
            return self.spectrograms(values, draws, fill)
        return self.events(values, draws) if kind == "events" else values
