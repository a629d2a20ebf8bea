"""Images, maps over them and spike rasters as small PNG files; a page enlarges them pixel by pixel."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_FRAMES = 8
MOST_PIXELS = 40_000
"""Pixels of a file, so that a page with many stays small."""
MOST_TRUE_COLOUR = 4096
"""Pixels beyond which a file has 256 colours."""
SPIKE, HOT = (59, 130, 246), np.array([255, 94, 0], dtype=np.float32)
"""A blue and an orange that are seen on white and on black."""


def frames(values: NDArray[Any]) -> NDArray[np.float32]:
    """Inputs of one clip as RGB images from 0 to 1: three channels stay colours, others are averaged to grey.

    Args:
        values: (C, H, W) or (T, C, H, W), on any scale.

    Returns:
        (T, H, W, 3).
    """
    values = values.astype(np.float32)
    values = values[None] if values.ndim == 3 else values
    shown = values if values.shape[1] == 3 else values.mean(axis=1, keepdims=True).repeat(3, axis=1)
    low, high = shown.min(), shown.max()
    unit: NDArray[np.float32] = (shown - low) / np.float32(max(high - low, 1e-6))
    return np.moveaxis(unit, 1, -1)


def overlay(images: NDArray[np.float32], heat: NDArray[Any]) -> NDArray[np.float32]:
    """Images in grey with a map in orange over them.

    Args:
        images: (T, H, W, 3), from 0 to 1.
        heat: (T', h, w), not negative; stretched over the images, and averaged over its steps for a single image.
    """
    maps = heat.astype(np.float32)
    maps = maps.mean(axis=0, keepdims=True) if len(images) == 1 else maps
    steps = np.arange(len(images)) * len(maps) // len(images)
    rows, columns = (
        np.arange(size) * part // size for size, part in zip(images.shape[1:3], maps.shape[1:], strict=True)
    )
    placed = maps[steps][:, rows][:, :, columns][..., None] / max(float(maps.max()), 1e-12)
    grey = 0.75 * images.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    return (1 - 0.85 * placed) * grey + 0.85 * placed * HOT / 255


def png(images: NDArray[np.float32], *, upside_down: bool = False) -> bytes:
    """PNG of images beside each other, at most `MOST_FRAMES` evenly chosen ones.

    Args:
        images: (T, H, W, 3), from 0 to 1.
        upside_down: draw the first row at the bottom, as for a spectrogram with its low frequencies first.
    """
    from PIL.Image import Resampling, fromarray

    chosen = images[np.linspace(0, len(images) - 1, min(len(images), MOST_FRAMES)).round().astype(int)]
    chosen = chosen[:, ::-1] if upside_down else chosen
    strips = [
        np.concatenate([image, np.full_like(image[:, :1], 0.5)], axis=1) for image in chosen
    ]  # a grey line between
    strip = np.concatenate(strips, axis=1)[:, :-1]
    image = fromarray((255 * strip).round().clip(0, 255).astype(np.uint8))
    if (pixels := image.width * image.height) > MOST_PIXELS:
        scale = (MOST_PIXELS / pixels) ** 0.5
        image = image.resize((max(int(scale * image.width), 1), max(int(scale * image.height), 1)), Resampling.BOX)
    return _encoded(image.quantize() if pixels > MOST_TRUE_COLOUR else image)


def raster_png(fired: NDArray[np.bool_]) -> bytes:
    """PNG of spikes: time to the right, neurons downwards; blue where there is one, else transparent.

    Args:
        fired: (T, neurons).
    """
    from PIL.Image import fromarray

    spikes = fired.T
    image = np.zeros((*spikes.shape, 4), dtype=np.uint8)
    image[spikes] = (*SPIKE, 255)
    return _encoded(fromarray(image))


def _encoded(image: Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return file.getvalue()
