"""Rectangles in images: random ones, and filling them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.draws import Draws, Values


def boxes(
    size: tuple[int, int],
    area: NDArray[np.float64],
    ratio: NDArray[np.float64],
    place: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Rectangles within an image in whole pixels: top, left, height and width, (B, 4), the last two at least 1.

    Args:
        size: (H, W) of the image.
        area: share of the image, (B,). A rectangle too wide or too high for the image is cut to fit.
        ratio: width over height relative to the image, (B,).
        place: position in the free space, from 0 (top, left) to below 1 (bottom, right), (B, 2).

    Example:
        >>> boxes((8, 16), np.array([0.25]), np.array([1.0]), np.array([[0.0, 0.99]])).tolist()
        [[0, 8, 4, 8]]
    """
    whole = np.array(size)
    shares = np.sqrt(np.stack([area / ratio, area * ratio], axis=1))
    lengths = np.clip(np.rint(shares * whole), 1, whole).astype(np.int64)
    starts = (place * (whole - lengths + 1)).astype(np.int64)
    return np.concatenate([starts, lengths], axis=1)


def drawn_boxes(
    purpose: str, draws: Draws, shape: tuple[int, ...], area: tuple[float, float], ratio: tuple[float, float]
) -> NDArray[np.int64]:
    """Random rectangle for each sample of `shape` (..., H, W): uniform in area and in the logarithm of its ratio."""
    drawn = draws.uniform(purpose, 4)
    areas = area[0] + (area[1] - area[0]) * drawn[:, 0]
    ratios = np.exp(np.log(ratio[0]) + np.log(ratio[1] / ratio[0]) * drawn[:, 1])
    return boxes((shape[-2], shape[-1]), areas, ratios, drawn[:, 2:])


def fill_boxes(values: Values, found: NDArray[np.int64], chosen: NDArray[np.bool_], fill: Values) -> Values:
    """Copy of (B, C, H, W) or (B, T, C, H, W) with a rectangle of each chosen sample filled, the same in all frames.

    Args:
        values: the samples.
        found: top, left, height and width, (B, 4).
        chosen: samples to change, (B,).
        fill: value of each channel, (C,).

    Example:
        >>> fill_boxes(np.ones((1, 1, 2, 2)), np.array([[0, 1, 2, 1]]), np.array([True]), np.zeros(1)).tolist()
        [[[[1.0, 0.0], [1.0, 0.0]]]]
    """
    filled = values.copy()
    for b in np.flatnonzero(chosen):
        top, left, height, width = found[b]
        filled[b, ..., top : top + height, left : left + width] = fill[:, None, None]
    return filled
