"""Samples moved and stretched by linear interpolation, in time or over an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from colliculus.data.augment.bounds import check_range, check_share
from colliculus.data.augment.draws import Draws, Values


def warped(values: Values, shifts: NDArray[np.float64], scales: NDArray[np.float64]) -> Values:
    """Stretch each sample (B, ..., H, W) about its middle, then move it; its edge values go on.

    y[n] = x[(n - c - shift) / scale + c] with c = (N - 1) / 2 along an axis of N, by linear interpolation in float32;
    whole numbers stay whole.

    Args:
        values: the samples; the result is a new array of this shape and type.
        shifts: along H and W in positions, (B, 2); above 0 down and to the right.
        scales: along H and W, (B, 2); above 1 the sample grows.

    Example:
        >>> line = np.array([[[0.0, 2.0, 4.0, 6.0, 8.0]]] * 2)
        >>> warped(line, np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [1.0, 2.0]])).tolist()
        [[[0.0, 0.0, 2.0, 4.0, 6.0]], [[2.0, 3.0, 4.0, 5.0, 6.0]]]
    """
    count, (height, width) = len(values), values.shape[-2:]
    axes = [_places(size, shifts[:, axis], scales[:, axis]) for axis, size in enumerate((height, width))]
    y, x = axes[0][:, :, None].expand(-1, -1, width), axes[1][:, None].expand(-1, height, -1)
    frames = torch.from_numpy(np.array(values, dtype=np.float32).reshape(count, -1, height, width))
    moved = functional.grid_sample(frames, torch.stack([x, y], dim=-1), padding_mode="border", align_corners=True)
    return as_type(moved.numpy().reshape(values.shape), values.dtype)


def _places(size: int, shifts: NDArray[np.float64], scales: NDArray[np.float64]) -> torch.Tensor:
    """Where the values of an axis come from, (B, N), from -1 (the first) to 1 (the last)."""
    middle = (size - 1) / 2
    offsets = (np.arange(size) - middle - shifts[:, None]) / scales[:, None]
    return torch.from_numpy((offsets / max(middle, 0.5)).astype(np.float32))


def as_type(values: NDArray[np.float32], dtype: np.dtype[np.generic]) -> Values:
    """Floating numbers as `dtype`; those of whole numbers are rounded and stay in the range of the type.

    Example:
        >>> as_type(np.array([300.0, 1.6], dtype=np.float32), np.dtype(np.uint8)).tolist()
        [255, 2]
    """
    if dtype.kind not in "ui":
        return values.astype(dtype)
    bounds = np.iinfo(dtype.name)
    return np.clip(np.rint(values), bounds.min, bounds.max).astype(dtype)


@dataclass(frozen=True, kw_only=True)
class Warp:
    """Move a sample and stretch it about its middle; beyond its edges its edge values go on."""

    probability: float = 0.0
    """probability of changing a sample"""
    shift: float = 0.1
    """largest shift, as a share of the axis"""
    scale: tuple[float, float] = (0.9, 1.1)
    """smallest and largest factor of the length; above 1 the sample grows"""

    def __post_init__(self) -> None:
        check_share("`probability` of a warp", self.probability)
        check_share("`shift` of a warp", self.shift)
        check_range("`scale` of a warp", self.scale, least=0)

    def __call__(self, values: Values, along_rows: Draws, along_columns: Draws) -> Values:
        """Change maps (B, C, H, W) or (B, T, C, H, W), all frames alike, or series (B, C, 1, W).

        Args:
            values: the samples.
            along_rows: random numbers of the axis H.
            along_columns: random numbers of the axis W, which also decide if a sample changes. The same as along H zoom
                both axes alike.
        """
        if not self.probability:
            return values
        chosen = np.flatnonzero(along_columns.happens("warp?", self.probability))
        if not len(chosen):
            return values
        drawn = [
            self._drawn(Draws(draws.keys[chosen]), axis, values.shape[axis - 2])
            for axis, draws in enumerate((along_rows, along_columns))
        ]
        shifts, scales = np.stack(drawn, axis=-1)
        changed = values.copy()
        changed[chosen] = warped(values[chosen], shifts, scales)
        return changed

    def _drawn(self, draws: Draws, axis: int, size: int) -> NDArray[np.float64]:
        """Shift in positions and scale along an axis, (2, B)."""
        shifts = self.shift * (2 * draws.uniform("warp shift", 2)[:, axis] - 1) * size
        return np.stack([shifts, draws.between("warp scale", *self.scale)])

    def of_series(self, values: Values, draws: Draws) -> Values:
        """Change series (B, C, 1, W), or (B, T, C, 1, W), whose T parts follow one another in time."""
        if values.ndim == 4 or not self.probability:
            return self(values, draws, draws)
        line = np.moveaxis(values, 1, 3)  # (B, C, 1, T, W)
        moved = self(line.reshape(*line.shape[:3], -1), draws, draws)
        return np.ascontiguousarray(np.moveaxis(moved.reshape(line.shape), 3, 1))
