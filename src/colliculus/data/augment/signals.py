"""Augmentations of arrays of any sensors: series over time, and maps of unknown meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_range, check_share
from colliculus.data.augment.draws import Draws, Values
from colliculus.data.augment.sound import Masks
from colliculus.data.augment.warp import Warp, as_type
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class ChannelGain:
    """Make each channel of a sample stronger or weaker about its training mean, and add a constant to it.

    To images in any units this is contrast and light, to spectrograms loudness.
    """

    probability: float = 0.0
    """probability of changing a sample"""
    factor: tuple[float, float] = (0.9, 1.1)
    """smallest and largest factor, drawn for each channel"""
    offset: float = 0.0
    """largest constant in either direction, in standard deviations of the channel's values in the sample, drawn for
    each channel"""

    def __post_init__(self) -> None:
        check_share("`probability` of a channel gain", self.probability)
        check_range("`factor` of a channel gain", self.factor, least=0)
        if not 0 <= self.offset < inf:
            raise ColliculusError(f"`offset` of a channel gain is {self.offset}: choose 0 or a positive number")

    def __call__(self, values: Values, draws: Draws, fill: Values) -> Values:
        """Change (B, C, H, W) or (B, T, C, H, W): m + g (x - m) + o std(x) for x, with `fill` (C,) as the mean m."""
        chosen = draws.happens("channel gain?", self.probability)
        if not chosen.any():
            return values
        channels, mean = values.shape[-3], fill.astype(np.float32)[:, None, None]

        def of_channels(low: float, high: float, purpose: str) -> NDArray[np.float32]:
            drawn = low + (high - low) * draws.uniform(purpose, channels)[chosen]
            return drawn.astype(np.float32).reshape(-1, *[1] * (values.ndim - 4), channels, 1, 1)

        deviations = np.subtract(values[chosen], mean, dtype=np.float32, casting="unsafe")
        louder = of_channels(*self.factor, "channel gain") * deviations
        if self.offset:
            places = tuple(axis for axis in range(1, values.ndim) if axis != values.ndim - 3)
            size = deviations.std(axis=places, keepdims=True)
            louder += of_channels(-self.offset, self.offset, "channel offset") * size
        changed = values.copy()
        changed[chosen] = as_type(np.add(mean, louder, dtype=np.float32), values.dtype)
        return changed


@dataclass(frozen=True, kw_only=True)
class ChannelDrop:
    """Hide whole channels of a sample behind their training mean, as if a sensor had failed."""

    probability: float = 0.0
    """probability of hiding a channel, for each channel anew"""

    def __post_init__(self) -> None:
        check_share("`probability` of a channel drop", self.probability)

    def __call__(self, values: Values, draws: Draws, fill: Values) -> Values:
        """Hide channels of (B, C, H, W) or (B, T, C, H, W) at all times behind `fill` (C,)."""
        if not self.probability:
            return values
        hidden = draws.uniform("channel drop", values.shape[-3]) < self.probability
        return np.where(
            hidden.reshape(len(values), *[1] * (values.ndim - 4), -1, 1, 1), fill[:, None, None], values
        ).astype(values.dtype)


@dataclass(frozen=True, kw_only=True)
class SeriesAugment:
    """Augmentations of series over time of any sensors, in this order."""

    warp: Warp = field(default_factory=Warp)
    """move and stretch in time"""
    gain: ChannelGain = field(default_factory=ChannelGain)
    """make channels stronger or weaker"""
    time_masks: Masks = field(default_factory=Masks)
    """hide times"""
    drop: ChannelDrop = field(default_factory=ChannelDrop)
    """hide channels"""

    def __call__(self, values: Values, draws: Draws, fill: Values) -> Values:
        """Change (B, C, 1, W), or (B, T, C, 1, W), whose T parts follow one another; `fill` (C,) is what hides."""
        louder = self.gain(self.warp.of_series(values, draws), draws, fill)
        return self.drop(self.time_masks.over_time(louder, draws, fill), draws, fill)


@dataclass(frozen=True, kw_only=True)
class MapAugment:
    """Augmentations of maps, in this order; all frames of a sequence are treated alike."""

    warp: Warp = field(default_factory=Warp)
    """move along both axes and zoom"""
    gain: ChannelGain = field(default_factory=ChannelGain)
    """make channels stronger or weaker"""

    def __call__(self, values: Values, own: Draws, along_columns: Draws, fill: Values) -> Values:
        """Change (B, C, H, W) or (B, T, C, H, W).

        Args:
            values: the samples.
            own: random numbers of this modality alone.
            along_columns: random numbers of the axis W, shared with other modalities where it is time.
            fill: training mean of each channel, (C,).
        """
        return self.gain(self.warp(values, own, along_columns), own, fill)
