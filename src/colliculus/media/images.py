"""Still images."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from colliculus.files.checks import decoding
from colliculus.types import ColliculusError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})

MOST_PIXELS = 2**26
"""Pixels of the largest image that is read; a few bytes can state many more."""

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in brightness: ITU-R BT.601, as in JPEG and Pillow."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a still image, rotated upright according to its EXIF orientation.

    Returns:
        (H, W, 3), red, green, blue in 0..255; transparency is dropped, 16 bits become 8.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, or not an image.
    """
    with decoding(path), _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 16 bits: Pillow would clip them at 255
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        return np.array(upright.convert("RGB"))


def _opened(path: Path) -> Image.Image:
    """An image whose header alone was read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the check below is stricter
        image = Image.open(path)
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ColliculusError(f"{path} states {image.width} x {image.height} pixels: give a smaller image")
    return image
