"""Images turned about their middle by linear interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from colliculus.data.augment.bounds import check_share
from colliculus.data.augment.draws import Draws, Values
from colliculus.data.augment.warp import as_type
from colliculus.types import ColliculusError


def rotated(values: Values, angles_deg: NDArray[np.float64]) -> Values:
    """Turn each sample (B, ..., H, W) about its middle; its edge values go on. Linear interpolation in float32.

    Args:
        values: the samples, all frames of one alike; the result is a new array of this shape and type.
        angles_deg: (B,), above 0 against the clock.

    Example:
        >>> rotated(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([90.0])).round(3).tolist()
        [[[2.0, 4.0], [1.0, 3.0]]]
    """
    count, (height, width) = len(values), values.shape[-2:]
    angles = np.deg2rad(angles_deg)
    sines, cosines, nothing = np.sin(angles), np.cos(angles), np.zeros(count)
    ratio = max(height - 1, 1) / max(width - 1, 1)  # both axes go from -1 to 1, whatever their lengths
    rows = [cosines, -sines * ratio, nothing, sines / ratio, cosines, nothing]
    frames = torch.from_numpy(np.array(values, dtype=np.float32).reshape(count, -1, height, width))
    theta = torch.from_numpy(np.stack(rows, axis=1).astype(np.float32)).view(count, 2, 3)
    grid = functional.affine_grid(theta, list(frames.shape), align_corners=True)
    turned = functional.grid_sample(frames, grid, padding_mode="border", align_corners=True)
    return as_type(turned.numpy().reshape(values.shape), values.dtype)


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Turn an image about its middle, in all its frames; beyond its edges its edge values go on."""

    probability: float = 0.0
    """probability of turning a sample"""
    most_deg: float = 10.0
    """largest angle in either direction, in degrees"""

    def __post_init__(self) -> None:
        check_share("`probability` of a rotation", self.probability)
        if not 0 <= self.most_deg <= 180:
            raise ColliculusError(f"`most_deg` of a rotation is {self.most_deg}: choose 0 to 180")

    def __call__(self, values: Values, draws: Draws) -> Values:
        """Turn (B, C, H, W) or (B, T, C, H, W)."""
        chosen = np.flatnonzero(draws.happens("rotation?", self.probability))
        if not len(chosen):
            return values
        turned = values.copy()
        angles = Draws(draws.keys[chosen]).between("rotation", -self.most_deg, self.most_deg)
        turned[chosen] = rotated(values[chosen], angles)
        return turned
