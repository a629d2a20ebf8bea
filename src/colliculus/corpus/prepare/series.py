"""Storage of a sensor's recording as a series of one length."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample
from colliculus.media.array_files import as_float32
from colliculus.media.kinds import Track
from colliculus.media.series import SERIES_SUFFIXES, read_series, resample_linearly
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class SensorSeries:
    """Numbers over time from a .mat, .npy or .csv file, resampled linearly: (channels, 1, steps).

    The first and the last stored value are those of the recording, whatever its length. All axes but time become
    channels, in row-major order: x, y and z of the first point of a skeleton, then those of the second, ...

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> SensorSeries(channels=6, steps=128).shape
        (6, 1, 128)
    """

    suffixes: ClassVar[frozenset[str]] = SERIES_SUFFIXES
    track: ClassVar[Track | None] = None

    channels: int
    """Numbers of one moment."""
    steps: int
    """Number of moments that are stored."""
    time_axis: Literal["first", "last"] = "first"
    """Axis of the raw array along which time runs."""
    variable: str = ""
    """Name of the array in a .mat file; empty: its only one."""
    root: int | None = None
    """Index of the point whose first position is subtracted from all points (arrays of points x coordinates x time);
    None: nothing is subtracted."""

    def __post_init__(self) -> None:
        if min(self.channels, self.steps) < 1:
            raise ColliculusError(
                f"`channels` and `steps` of a series must be at least 1, and are {self.channels} and {self.steps}"
            )
        if self.root is not None and self.root < 0:
            raise ColliculusError(f"`root` of a series is {self.root}: give the index of a point, from 0")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (channels, 1, steps)."""
        return (self.channels, 1, self.steps)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type float32."""
        return np.dtype(np.float32)

    @property
    def in_words(self) -> str:
        """See `Storage.in_words`."""
        return f"each whole series, resampled linearly to {self.steps} moments"

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:  # noqa: ARG002 - it is stored whole
        """See `Storage.read`."""
        raw = as_float32(path, read_series(path, self.variable))
        values = np.moveaxis(raw, 0, -1) if self.time_axis == "first" else raw
        channels = int(np.prod(values.shape[:-1]))
        if values.ndim < 2 or channels != self.channels or not values.shape[-1]:
            raise ColliculusError(
                f"{path} has shape {raw.shape}, and time first or last with {self.channels} channels is needed: change"
                " the file, `channels` or `time_axis`"
            )
        if self.root is not None:
            if values.ndim != 3 or self.root >= len(values):
                raise ColliculusError(f"{path} has shape {raw.shape} and no point {self.root}: change `root`")
            values = values - values[self.root, :, :1][None]
        return resample_linearly(values.reshape(channels, -1), self.steps)[:, None]
