"""Brightness, contrast and saturation of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_share
from colliculus.data.augment.draws import Draws
from colliculus.media.images import LUMA

_WHITE = 255  # of grey levels, whether they are bytes or floating


def jitter(values: NDArray[np.generic], factors: NDArray[np.float64]) -> NDArray[np.generic]:
    """Change brightness, contrast and saturation of each sample, in this order, by one factor each.

    x <- b x;  x <- c x + (1 - c) (mean grey of the sample);  x <- s x + (1 - s) (grey of the pixel). The three steps
    are one linear map of the colours of a sample, so the result is clipped to 0..255 (and rounded, where whole numbers
    are stored) only once. Saturation changes images of three channels only; grey is the mean channel of the others.

    Args:
        values: grey levels 0..255, (B, C, H, W) or (B, T, C, H, W).
        factors: b, c, s of each sample, (B, 3); ones change nothing.

    Returns:
        A new array of the same shape and type.

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

    def __call__(self, values: NDArray[np.generic], draws: Draws) -> NDArray[np.generic]:
        """Change grey levels (B, C, H, W) or (B, T, C, H, W)."""
        strengths = np.array([self.brightness, self.contrast, self.saturation])
        chosen = draws.happens("jitter?", self.probability)
        if not strengths.any() or not chosen.any():
            return values
        jittered = values.copy()
        jittered[chosen] = jitter(values[chosen], 1 + strengths * (2 * draws.uniform("jitter", 3)[chosen] - 1))
        return jittered
