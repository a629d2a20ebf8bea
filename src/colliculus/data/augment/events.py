"""Lost events: random ones, all of some time bins, all of a part of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_share
from colliculus.data.augment.boxes import boxes, fill_boxes
from colliculus.data.augment.draws import Draws, Values
from colliculus.data.augment.sound import bands
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class EventDrop:
    """Drop events of a sample in the three ways of EventDrop (Gu et al., IJCAI 2021), each with a share drawn anew.

    Deviation: the paper draws one of the three, or none, for each sample; here each has a probability of its own.
    """

    probability: float = 0.0
    """probability of dropping events of a sample at random, each independently"""
    most: float = 0.5
    """largest share of the events that is dropped at random"""
    time_probability: float = 0.0
    """probability of dropping all events of some consecutive bins"""
    time_most: float = 0.5
    """largest share of the bins"""
    area_probability: float = 0.0
    """probability of dropping all events of a rectangle, in all bins"""
    area_most: float = 0.3
    """largest share of the image"""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_share(f"`{name}` of the event drop", value)

    def __call__(self, counts: Values, draws: Draws) -> Values:
        """Drop events of (B, P, H, W) or (B, T, P, H, W): counts, whole numbers of any type.

        Raises:
            ColliculusError: the counts are not whole.
        """
        nothing = np.zeros(counts.shape[-3], dtype=counts.dtype)
        if self.time_probability and counts.ndim == 5:
            chosen = draws.happens("time drop?", self.time_probability)
            share, place = np.split(draws.uniform("time drop", 2), 2, axis=1)
            lost = bands(counts.shape[1], self.time_most * share, place) & chosen[:, None]
            counts = np.where(lost[:, :, None, None, None], nothing[:, None, None], counts)
        if self.area_probability:
            drawn = draws.uniform("area drop", 3)
            found = boxes(
                (counts.shape[-2], counts.shape[-1]), self.area_most * drawn[:, 0], np.ones(len(counts)), drawn[:, 1:]
            )
            counts = fill_boxes(counts, found, draws.happens("area drop?", self.area_probability), nothing)
        if self.probability:
            shares = draws.between("event drop", 0, self.most) * draws.happens("event drop?", self.probability)
            counts = thin(counts, 1 - shares, draws)
        return counts


def thin(counts: Values, kept: NDArray[np.float64], draws: Draws) -> Values:
    """Keep each event of `counts` (B, ...) with probability `kept` (B,): n becomes a draw from Binomial(n, kept).

    Raises:
        ColliculusError: the counts are negative or not whole.
    """
    thinned = counts.copy()
    for sample, share, rng in zip(thinned, kept, draws.generators("events"), strict=True):
        if share < 1:
            some = np.nonzero(sample)
            whole = np.rint(sample[some].astype(np.float64))
            if (whole < 0).any() or (whole != sample[some]).any():
                raise ColliculusError("only whole numbers of events can be dropped: leave augment.events off")
            sample[some] = rng.binomial(whole.astype(np.int64), share)
    return thinned
