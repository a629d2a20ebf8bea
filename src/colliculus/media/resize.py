"""Bilinear resizing of images and spectrograms."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional


def resize(images: NDArray[np.generic], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize images bilinearly, with fixed pixel centres (align_corners False) and antialiasing.

    Args:
        images: (..., C, H, W) of any numeric type.
        size: the new (H, W).

    Returns:
        (..., C, *size), float32, in the units of `images`.

    Example:
        >>> resize(np.array([[[0, 4], [8, 12]]], dtype=np.uint8), (1, 1)).tolist()
        [[[6.0]]]
    """
    values = np.array(images, dtype=np.float32)
    lead, (channels, height, width) = values.shape[:-3], values.shape[-3:]
    if (height, width) == size:
        return values
    flat = torch.from_numpy(values.reshape(-1, channels, height, width))
    resized = functional.interpolate(flat, size=size, mode="bilinear", align_corners=False, antialias=True)
    return resized.numpy().reshape(*lead, channels, *size)
