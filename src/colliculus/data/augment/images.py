"""Augmentations of images: random crops, rotation, mirroring, colours and hidden parts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from colliculus.data.augment.bounds import check_range, check_share
from colliculus.data.augment.boxes import drawn_boxes, fill_boxes
from colliculus.data.augment.draws import Draws, Values
from colliculus.data.augment.rotation import Rotation
from colliculus.media.images import LUMA
from colliculus.media.resize import resize

_WHITE = 255  # of grey levels, whether they are bytes or floating


def resized_crop(values: Values, found: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Values:
    """Stretch a rectangle of each sample where `chosen` (B,) over the whole image, the same in all its frames.

    Bilinear with fixed pixel centres, as `resize`; whole numbers stay whole.

    Args:
        values: (B, C, H, W) or (B, T, C, H, W); the result is a new array of this shape and type.
        found: top, left, height and width, (B, 4).
        chosen: samples to change.

    Example:
        >>> image = np.array([[[[0, 8], [4, 8]]]], dtype=np.uint8)
        >>> resized_crop(image, np.array([[1, 0, 1, 1]]), np.array([True])).tolist()
        [[[[4, 4], [4, 4]]]]
    """
    cropped = values.copy()
    for b in np.flatnonzero(chosen):
        top, left, height, width = found[b]
        cropped[b] = _stretch(values[b, ..., top : top + height, left : left + width], values.shape[-2:])
    return cropped


def _stretch(part: Values, size: tuple[int, ...]) -> Values:
    height, width = size
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

    def __call__(self, values: Values, draws: Draws) -> Values:
        """Crop (B, C, H, W) or (B, T, C, H, W)."""
        if not self.probability:
            return values
        found = drawn_boxes("crop", draws, values.shape, self.area, self.ratio)
        return resized_crop(values, found, draws.happens("crop?", self.probability))


@dataclass(frozen=True, kw_only=True)
class Flip:
    """Mirror a sample left to right, in all its frames."""

    probability: float = 0.0
    """probability of mirroring a sample"""

    def __post_init__(self) -> None:
        check_share("`probability` of a flip", self.probability)

    def __call__(self, values: Values, draws: Draws) -> Values:
        """Mirror (B, C, H, W) or (B, T, C, H, W)."""
        if not self.probability:
            return values
        flipped, chosen = values.copy(), draws.happens("flip", self.probability)
        flipped[chosen] = values[chosen, ..., ::-1]
        return flipped


def jitter(values: Values, factors: NDArray[np.float64]) -> Values:
    """Change brightness, contrast and saturation of each sample, in this order, by one factor each.

    x <- b x;  x <- c x + (1 - c) (mean grey of the sample);  x <- s x + (1 - s) (grey of the pixel). The three steps
    are one linear map of the colours of a sample, so the result is clipped to 0..255 (and rounded, where whole numbers
    are stored) only once. Saturation changes images of three channels only; grey is the mean channel of the others.

    Args:
        values: grey levels 0..255, (B, C, H, W) or (B, T, C, H, W); the result is a new array of this shape and type.
        factors: b, c, s of each sample, (B, 3); ones change nothing.

    Example:
        >>> jitter(np.array([[[[20, 60]]]], dtype=np.uint8), np.array([[1.0, 0.5, 1.0]])).tolist()
        [[[[30, 50]]]]
    """
    batch, channels = len(values), values.shape[-3]
    weights = LUMA if channels == 3 else np.full(channels, 1 / channels, dtype=np.float32)
    pixels = values.reshape(batch, -1, channels, values.shape[-2] * values.shape[-1]).astype(np.float32)
    grey = pixels.mean(axis=(1, 3)) @ weights
    b, c, s = factors.astype(np.float32).T
    if channels != 3:
        s = np.ones_like(s)
    if (s == 1).all():
        pixels *= (b * c)[:, None, None, None]
    else:
        colours = s[:, None, None] * np.eye(channels, dtype=np.float32) + (1 - s)[:, None, None] * weights
        pixels = ((b * c)[:, None, None] * colours)[:, None] @ pixels
    pixels += ((1 - c) * b * grey)[:, None, None, None]
    np.clip(pixels, 0, _WHITE, out=pixels)
    if values.dtype.kind in "ui":
        np.rint(pixels, out=pixels)
    return pixels.astype(values.dtype).reshape(values.shape)


@dataclass(frozen=True, kw_only=True)
class ColourJitter:
    """Change brightness, contrast and saturation at random; grey levels lie between 0 and 255.

    Deviation: torchvision draws the order of the changes and rounds after each. Here the order is fixed, and the mean
    grey is that of the whole clip, so that its frames keep their relative brightness.
    """

    probability: float = 1.0
    """probability of changing a sample"""
    brightness: float = 0.0
    """largest deviation of the brightness factor from 1"""
    contrast: float = 0.0
    """largest deviation of the contrast factor from 1"""
    saturation: float = 0.0
    """largest deviation of the saturation factor from 1"""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_share(f"`{name}` of the colour jitter", value)

    def __call__(self, values: Values, draws: Draws) -> Values:
        """Change grey levels (B, C, H, W) or (B, T, C, H, W)."""
        strengths = np.array([self.brightness, self.contrast, self.saturation])
        chosen = draws.happens("jitter?", self.probability)
        if not strengths.any() or not chosen.any():
            return values
        jittered = values.copy()
        jittered[chosen] = jitter(values[chosen], 1 + strengths * (2 * draws.uniform("jitter", 3)[chosen] - 1))
        return jittered


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

    def __call__(self, values: Values, draws: Draws, fill: Values) -> Values:
        """Hide a part of (B, C, H, W) or (B, T, C, H, W) behind `fill` (C,)."""
        if not self.probability:
            return values
        found = drawn_boxes("erase", draws, values.shape, self.area, self.ratio)
        return fill_boxes(values, found, draws.happens("erase?", self.probability), fill)


@dataclass(frozen=True, kw_only=True)
class ImageAugment:
    """Augmentations of images, in this order; all frames of a clip are treated alike."""

    crop: RandomResizedCrop = field(default_factory=RandomResizedCrop)
    """show a part of the image in the size of the whole"""
    rotation: Rotation = field(default_factory=Rotation)
    """turn about the middle"""
    flip: Flip = field(default_factory=Flip)
    """mirror left to right"""
    colour: ColourJitter = field(default_factory=ColourJitter)
    """change brightness, contrast, saturation"""
    erase: RandomErasing = field(default_factory=RandomErasing)
    """hide a part"""

    def __call__(self, values: Values, draws: Draws, fill: Values) -> Values:
        """Change (B, C, H, W) or (B, T, C, H, W); `fill` (C,) is what hides."""
        turned = self.rotation(self.crop(values, draws), draws)
        return self.erase(self.colour(self.flip(turned, draws), draws), draws, fill)
