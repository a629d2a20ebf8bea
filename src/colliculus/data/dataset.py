"""What every dataset gives: three splits of standardised batches, a `DataSpec`, and a fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from colliculus.media.clips import Clip
from colliculus.types import Batch, DataSpec


class Split(Protocol):
    """One part of a dataset: samples that can be drawn as whole batches."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:
        """The samples at `indices` in that order; `epoch` decides whatever is drawn anew each epoch."""
        ...


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, learned on the training part: x -> (x - mean) / std.

    Args:
        mean: C numbers of each modality.
        std: C numbers of each modality, all positive.
    """

    mean: Mapping[str, tuple[float, ...]]
    std: Mapping[str, tuple[float, ...]]

    def __call__(self, modality: str, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """Standardise `values` (..., C, H, W); a modality that is not named here passes as float32."""
        if modality not in self.mean:
            return np.asarray(values, dtype=np.float32)
        shape = (len(self.mean[modality]), 1, 1)
        mean = np.asarray(self.mean[modality], dtype=np.float32).reshape(shape)
        std = np.asarray(self.std[modality], dtype=np.float32).reshape(shape)
        standardised = np.subtract(values, mean, dtype=np.float32, casting="unsafe")
        return np.divide(
            standardised, std, out=standardised
        )  # one large array, not three: new memory is what costs time


class RawSplit(Split, Protocol):
    """A `Split` that gives its samples before they are standardised too, which is where they are augmented.

    `batch` is the three methods below, one after another.
    """

    @property
    def normalisation(self) -> Normalisation:
        """What `collate` standardises by."""
        ...

    def values(self, indices: NDArray[np.int64], *, epoch: int) -> dict[str, NDArray[np.generic]]:
        """The samples at `indices` as they are stored, (B, ...) of each modality: arrays of the caller's own."""
        ...

    def inputs(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """What is stored in another form as (B, C, H, W) or (B, T, C, H, W): spectrograms for waveforms."""
        ...

    def collate(self, inputs: Mapping[str, NDArray[np.generic]], indices: NDArray[np.int64]) -> Batch:
        """Standardised, time first, with the labels of the samples at `indices`; zeros where one lacks a modality."""
        ...


@dataclass(frozen=True)
class Dataset:
    """A loaded dataset.

    Args:
        spec: modalities, channels, sizes, classes.
        train, validation, test: the splits; validation is always taken from training.
        normalisation: what the splits were standardised by; a run keeps it for prediction.
        protocol: how the split was made ("standard", "speaker-out fold 0", ...), for the record.
        fingerprint: digest of contents, labels and split: two runs with the same one saw the same data.
        stored: what reading files like these takes beyond the settings of the data, in plain values; a run keeps it
            for prediction, when the data may be gone.
    """

    spec: DataSpec
    train: Split
    validation: Split
    test: Split
    normalisation: Normalisation
    protocol: str
    fingerprint: str
    stored: Mapping[str, Any] = field(default_factory=dict[str, Any])


class ClipReader(Protocol):
    """From a user's own files to the raw (not standardised) arrays of one sample."""

    def knows(self, path: Path) -> bool:
        """Whether `path` is, by its suffix, of a kind that is read; others in a folder are passed over."""
        ...

    def group(self, files: Sequence[Path]) -> dict[str, Clip]:
        """The clips that `files` hold, by name; `ColliculusError` for a file of unknown kind."""
        ...

    def read(self, clip: Clip) -> dict[str, NDArray[np.float32]]:
        """Raw arrays (C, H, W) or (T, C, H, W) of the modalities found in one clip; one may be missing."""
        ...


class DataSettings(Protocol):
    """Settings of a dataset: a frozen dataclass that a preset holds and the command line overrides."""

    name: ClassVar[str]

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Read or make the data; standardise by `normalisation` (a trained run's), else by the training part."""
        ...

    def reader(self, spec: DataSpec) -> ClipReader:
        """The reader `colliculus predict` uses for files of this kind of data."""
        ...
