"""Random parts of images, resized to the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from colliculus.data.augment.bounds import check_range, check_share
from colliculus.data.augment.boxes import drawn_boxes
from colliculus.data.augment.draws import Draws
from colliculus.media.resize import resize


def resized_crop(
    values: NDArray[np.generic], found: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> NDArray[np.generic]:
    """Stretch a rectangle of each chosen sample over the whole image, the same in all its frames.

    Bilinear with fixed pixel centres, as `resize`; whole numbers stay whole.

    Args:
        values: (B, C, H, W) or (B, T, C, H, W).
        found: top, left, height and width, (B, 4).
        chosen: samples to change, (B,).

    Returns:
        A new array of the same shape and type; where nothing is chosen, `values`.

    Example:
        >>> image = np.array([[[[0, 8], [4, 8]]]], dtype=np.uint8)
        >>> resized_crop(image, np.array([[1, 0, 1, 1]]), np.array([True])).tolist()
        [[[[4, 4], [4, 4]]]]
    """
    if not chosen.any():
        return values
    cropped = values.copy()
    for b in np.flatnonzero(chosen):
        top, left, height, width = found[b]
        cropped[b] = _stretch(values[b, ..., top : top + height, left : left + width], values.shape[-2:])
    return cropped


def _stretch(part: NDArray[np.generic], size: tuple[int, ...]) -> NDArray[np.generic]:
    height, width = size
    if part.shape[-2:] == size:
        return part
    if part.dtype != np.uint8:
        stretched = resize(part, (height, width))
        return np.rint(stretched) if part.dtype.kind in "ui" else stretched
    frames = torch.from_numpy(part.reshape(1, -1, *part.shape[-2:]).copy())  # bytes as they are: twice as fast
    stretched = functional.interpolate(frames, (height, width), mode="bilinear", align_corners=False, antialias=True)
    return stretched.numpy().reshape(*part.shape[:-2], height, width)


@dataclass(frozen=True, kw_only=True)
class RandomResizedCrop:
    """Show a random part of the image in the size of the whole.

    Source: Szegedy et al., Going deeper with convolutions, CVPR 2015.

    Deviation: their ratio is that of the part; ours is relative to the image, because stored images have been stretched
    to one size. A part that does not fit is cut instead of drawn again.
    """

    probability: float = 0.0
    """probability of cropping a sample"""
    area: tuple[float, float] = (0.5, 1.0)
    """smallest and largest share of the image that is kept"""
    ratio: tuple[float, float] = (0.75, 4 / 3)
    """smallest and largest width over height of the part, relative to the image"""

    def __post_init__(self) -> None:
        check_share("`probability` of a crop", self.probability)
        check_range("`area` of a crop", self.area, least=0, most=1)
        check_range("`ratio` of a crop", self.ratio, least=0)

    def __call__(self, values: NDArray[np.generic], draws: Draws) -> NDArray[np.generic]:
        """Crop (B, C, H, W) or (B, T, C, H, W)."""
        if not self.probability:
            return values
        found = drawn_boxes("crop", draws, values.shape, self.area, self.ratio)
        return resized_crop(values, found, draws.happens("crop?", self.probability))
