"""Hidden parts of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_range, check_share
from colliculus.data.augment.boxes import drawn_boxes, fill_boxes
from colliculus.data.augment.draws import Draws


@dataclass(frozen=True, kw_only=True)
class RandomErasing:
    """Hide a rectangle of the image, the same in all frames.

    Source: Zhong et al., Random erasing data augmentation, AAAI 2020, here filled with the training mean.
    """

    probability: float = 0.0
    """probability of hiding a part of a sample"""
    area: tuple[float, float] = (0.02, 0.33)
    """smallest and largest share of the image that is hidden"""
    ratio: tuple[float, float] = (0.3, 1 / 0.3)
    """smallest and largest width over height, relative to the image"""

    def __post_init__(self) -> None:
        check_share("`probability` of erasing", self.probability)
        check_range("`area` of erasing", self.area, least=0, most=1)
        check_range("`ratio` of erasing", self.ratio, least=0)

    def __call__(self, values: NDArray[np.generic], draws: Draws, fill: NDArray[np.generic]) -> NDArray[np.generic]:
        """Hide a part of (B, C, H, W) or (B, T, C, H, W) behind `fill` (C,)."""
        if not self.probability:
            return values
        found = drawn_boxes("erase", draws, values.shape, self.area, self.ratio)
        return fill_boxes(values, found, draws.happens("erase?", self.probability), fill)
