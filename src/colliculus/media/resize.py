"""Bilinear resizing of images and spectrograms, and frames as the levels that a network is given."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.media import without_torch
from colliculus.media.images import LUMA


def resize(images: NDArray[np.generic], size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize images (..., C, H, W) bilinearly, with fixed pixel centres (align_corners False) and antialiasing.

    The result is float32, (..., C, *size), in the units of `images`, which may be of any numeric type.

    Example:
        >>> resize(np.array([[[0, 4], [8, 12]]], dtype=np.uint8), (1, 1)).tolist()
        [[[6.0]]]
    """
    values = np.array(images, dtype=np.float32)
    lead, (channels, height, width) = values.shape[:-3], values.shape[-3:]
    if (height, width) == size:
        return values
    if without_torch.asked():
        return without_torch.resized(values, size)

    import torch
    from torch.nn import functional

    flat = torch.from_numpy(values.reshape(-1, channels, height, width))
    resized = functional.interpolate(flat, size=size, mode="bilinear", align_corners=False, antialias=True)
    return resized.numpy().reshape(*lead, channels, *size)


def to_levels(frame: NDArray[np.uint8], size: tuple[int, int], channels: Literal[1, 3]) -> NDArray[np.uint8]:
    """Resize a frame (H, W, 3) and keep its colours (3 channels) or its brightness (1 channel): whole levels 0..255.

    Example:
        >>> to_levels(np.full((4, 6, 3), 7, dtype=np.uint8), (1, 2), 1).tolist()
        [[[7, 7]]]
    """
    resized = resize(frame.transpose(2, 0, 1), size)
    levels = resized if channels == 3 else np.tensordot(LUMA, resized, axes=1)[None]
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
