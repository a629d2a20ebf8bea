"""Settings of augmentations by kind of modality; everything is off unless it is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from colliculus.data.augment.draws import Draws, Values
from colliculus.data.augment.events import EventDrop
from colliculus.data.augment.images import ImageAugment
from colliculus.data.augment.mix import CutMix, Mixup
from colliculus.data.augment.noise import SampleNoise
from colliculus.data.augment.rotation import Rotation
from colliculus.data.augment.signals import ChannelGain, MapAugment, SeriesAugment
from colliculus.data.augment.sound import Masks, SpectrogramAugment, WaveformAugment
from colliculus.data.augment.warp import Warp
from colliculus.types import ColliculusError

ModalityKind = Literal["pictures", "spectrograms", "recordings", "waveforms", "events", "series", "maps"]
"""Kind of a modality as it is stored: images (levels 0..255), log spectra, log spectra whose waveforms are at hand,
samples of sound, counts of events, series over time (height 1), or any other maps."""

_KINDS_OF: Mapping[str, frozenset[ModalityKind]] = {
    "pictures": frozenset({"pictures"}),
    "spectrograms": frozenset({"spectrograms", "recordings", "waveforms"}),
    "waveforms": frozenset({"recordings", "waveforms"}),
    "events": frozenset({"events"}),
    "series": frozenset({"series"}),
    "maps": frozenset({"maps", "pictures", "spectrograms", "recordings", "waveforms"}),
}
"""Kinds of modality that a group of settings acts on; waveforms become spectrograms."""


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Augmentation of training samples; validation, test and prediction have none.

    Sizes do not change: crops are resized to the stored size, which is also the size of evaluation. The random numbers
    of a sample follow from `seed`, the epoch and the index of the sample alone; modalities of one kind share them, so
    that aligned modalities stay aligned. Noise and `maps` are drawn for each modality on its own, so that an image
    does not move with a spectrogram. Along the time of a spectrogram, `maps` has the numbers of the series.

    Raises:
        ColliculusError: a setting is out of range.
    """

    pictures: ImageAugment = field(default_factory=ImageAugment)
    """images"""
    waveforms: WaveformAugment = field(default_factory=WaveformAugment)
    """sounds whose samples are at hand"""
    spectrograms: SpectrogramAugment = field(default_factory=SpectrogramAugment)
    """spectrograms"""
    events: EventDrop = field(default_factory=EventDrop)
    """counts of events"""
    series: SeriesAugment = field(default_factory=SeriesAugment)
    """series over time of any sensors"""
    maps: MapAugment = field(default_factory=MapAugment)
    """whatever has height and width: images, spectrograms, other maps"""
    noise: SampleNoise = field(default_factory=SampleNoise)
    """noise on the standardised inputs, for each sample and modality on its own"""
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

        A group as in `SMALL_DATA` passes: presets set it for data of any kind.

        Args:
            kinds: kind of each modality; modalities that are not named are only mixed and made noisy.

        Raises:
            ColliculusError: something is set for a kind that no modality is of.
        """
        for group, fitting in _KINDS_OF.items():
            usual = [getattr(preset, group) for preset in _USUAL]
            if getattr(self, group) not in usual and fitting.isdisjoint(kinds.values()):
                held = ", ".join(f"{m} ({kind})" for m, kind in kinds.items()) or "modalities of no known kind"
                raise ColliculusError(f"augment.{group} is set, and the data hold {held}: leave it off for these data")

    def stored(self, kind: ModalityKind | None, values: Values, draws: Draws, others: Values | None) -> Values:
        """Augment a modality as it is stored, before it is converted to inputs; `others` as in `WaveformAugment`."""
        return self.waveforms(values, draws, others) if kind == "waveforms" else values

    def made(self, modality: str, kind: ModalityKind | None, values: Values, draws: Draws, fill: Values) -> Values:
        """Augment inputs (B, C, H, W) or (B, T, C, H, W) before they are standardised; `fill` (C,) is what hides."""
        own = along_columns = draws.of_modality(modality)
        if kind == "series":
            return self.series(values, draws, fill)
        if kind == "events":
            return self.events(values, draws)
        if kind == "pictures":
            values = self.pictures(values, draws, fill)
        elif kind in _KINDS_OF["spectrograms"]:
            values, along_columns = self.spectrograms(values, draws, fill), draws
        return values if kind is None else self.maps(values, own, along_columns, fill)


_GAIN = ChannelGain(probability=0.8, factor=(0.9, 1.1))
_BAND = Masks(num=1, most=0.1)
_WARP = Warp(probability=0.8, shift=0.1, scale=(0.9, 1.1))
SMALL_DATA = Augment(
    pictures=ImageAugment(rotation=Rotation(probability=0.8, most_deg=8.0)),
    spectrograms=SpectrogramAugment(time_masks=_BAND, frequency_masks=_BAND),
    maps=MapAugment(
        warp=_WARP,
        gain=replace(_GAIN, offset=0.1),  # light and contrast of images in any units, loudness of spectrograms
    ),
    series=SeriesAugment(warp=_WARP, gain=_GAIN),
)
"""Moderate augmentation for some hundreds or thousands of samples of any kind; each group acts where it can.

Maps of unknown meaning are moved, zoomed and made stronger or weaker; none of it depends on what their axes are.
"""

_USUAL = (Augment(), SMALL_DATA, replace(SMALL_DATA, maps=MapAugment(warp=replace(_WARP, shift=0.08))))
"""Settings that presets have for data of any kind; the last ones are in runs of an earlier edition."""
