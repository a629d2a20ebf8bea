"""Still images, upright and in eight bits."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import (
    Image,
    ImageOps,
)

from colliculus.files.checks import decoding
from colliculus.media.notes import note
from colliculus.types import ColliculusError

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Formats that Pillow decodes here. Videos, GIFs and HEIC are read by FFmpeg; others have no bytes to be known by."""

MOST_PIXELS = 2**26
"""Pixels of the largest image that is read; a few bytes can state many more."""

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in brightness: ITU-R BT.601, as in JPEG and Pillow."""

_SCALES = (1, 255, 4095, 65_535, 2**31 - 1, 2**32 - 1)
"""Full scales of numbers, of which the smallest that holds the largest number is used; 1 for real numbers only."""
_WHITE = (255, 255, 255, 255)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a still image, or the first one of a file of several, rotated upright according to its EXIF orientation.

    Numbers that are not of 8 bits (16 and 32 bits, real numbers) are scaled to 0..255 by the smallest full scale that
    holds the largest of them: 1 (real numbers only), 255, 4,095, 65,535, 2^31 - 1 or 2^32 - 1; a note says so if it is
    not that of their type. Transparency shows white.

    Returns:
        (H, W, 3), red, green, blue in 0..255.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, not an image, larger than
            `MOST_PIXELS`, or holds numbers below 0.
    """
    with decoding(path), opened_image(path) as image:
        return as_rgb(path, image)


def opened_image(path: Path) -> Image.Image:
    """Open an image whose format is known by its content, and read its header; for use inside `decoding`.

    Raises:
        PIL.UnidentifiedImageError: its format is not one of `FORMATS`.
        ColliculusError: it states more than `MOST_PIXELS`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the check below is stricter
        image = Image.open(path, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ColliculusError(f"{path} states {image.width} x {image.height} pixels: give a smaller image")
    return image


def as_rgb(path: Path, image: Image.Image, highest: float | None = None) -> NDArray[np.uint8]:
    """An image as `read_image` returns it; `highest` is the largest number of all images of the file."""
    deep = any(";16" in str(tile) for tile in getattr(image, "tile", ()))
    picture = ImageOps.exif_transpose(image)
    if is_number(picture):
        return np.repeat(_levels(path, np.asarray(picture), highest)[..., None], 3, axis=2)
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", coloured.size, _WHITE), coloured)
    rgb = np.array(picture.convert("RGB"))
    if deep and 0 < rgb.max() < 16:  # Pillow keeps the upper 8 bits
        raise ColliculusError(f"{path} holds colours of at most 12 bits in 16: save it with 8 bits")
    return rgb


def is_number(image: Image.Image) -> bool:
    """True if an image holds one number per pixel, of more than 8 bits."""
    return image.mode.startswith(("I", "F"))


def _levels(path: Path, numbers: NDArray[np.generic], highest: float | None) -> NDArray[np.uint8]:
    """Levels 0..255 of numbers (H, W)."""
    lowest, top = float(numbers.min()), float(numbers.max()) if highest is None else highest
    if not lowest >= 0 or not np.isfinite(top):
        raise ColliculusError(f"{path} holds numbers from {lowest:g} to {top:g}: save it with levels from 0 to 255")
    is_real = numbers.dtype.kind == "f"
    scale = next((s for s in _SCALES if top <= s and (s > 1 or is_real)), None)
    if scale is None:
        raise ColliculusError(f"{path} holds numbers up to {top:g}: save it with levels from 0 to 255")
    if scale != 65_535 or numbers.dtype.itemsize != 2:
        note("number-range", f"{path}: its numbers up to {top:g} were divided by {scale} for full brightness")
    if scale == 65_535:  # the upper 8 bits, as of every 16-bit image
        return (numbers.astype(np.int64) >> 8).astype(np.uint8)
    return np.rint(numbers.astype(np.float64) * (255 / scale)).astype(np.uint8)
