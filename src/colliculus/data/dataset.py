"""The parts of a dataset, and what every dataset gives: three splits, a `DataSpec` and a fingerprint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from colliculus.corpus.sample import Sample
from colliculus.data.recordings import Recordings
from colliculus.media.clips import Clip
from colliculus.types import Batch, DataSpec

Item = tuple[dict[str, Tensor], Tensor]
"""One sample: its inputs without batch axis, (C, H, W) or (T, C, H, W) of each modality, and its label."""


class Split(TorchDataset[Item], ABC):
    """One part of a dataset: whole batches, and single samples for `torch.utils.data.DataLoader`.

    Single samples are those of epoch 0; `at_epoch` gives those of another one. `colliculus.data.collate.collate` puts
    them together with time first.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from colliculus.data.collate import collate
        >>> from colliculus.data.synthetic import Synthetic
        >>> data = Synthetic(num_train=8, num_validation=6, num_test=6, size=8, steps=2).load()
        >>> inputs, label = data.train[0]
        >>> inputs["audio"].shape, label.shape
        (torch.Size([2, 1, 8, 8]), torch.Size([]))
        >>> batch = next(iter(DataLoader(data.train, batch_size=4, collate_fn=collate)))
        >>> batch.inputs["audio"].shape
        torch.Size([2, 4, 1, 8, 8])
    """

    @property
    @abstractmethod
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""

    @abstractmethod
    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:
        """Samples at `indices`, in that order; `epoch` decides whatever is drawn anew in each epoch."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Item:
        """The sample at `index`; `IndexError` beyond the last one."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Samples at `indices`, read as one batch, as `DataLoader` asks for them."""
        if beyond := [i for i in indices if not -len(self) <= i < len(self)]:
            raise IndexError(f"there is no sample {beyond[0]} of {len(self)}")
        rows = np.asarray(indices, dtype=np.int64) % len(self)
        return items_of(self.batch(rows, epoch=0))

    def at_epoch(self, epoch: int) -> Split:
        """The same samples as they are in another epoch, with that epoch's augmentation and pairs."""
        return _AtEpoch(self, epoch)


@dataclass(frozen=True, eq=False)
class DerivedSplit(Split):
    """A split of changed samples of another one, in the same order."""

    split: Split

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""
        return self.split.labels


@dataclass(frozen=True, eq=False)
class _AtEpoch(DerivedSplit):
    """Samples of a split as they are in one epoch."""

    epoch: int

    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:  # noqa: ARG002 - it is fixed
        return self.split.batch(indices, epoch=self.epoch)


def items_of(batch: Batch) -> list[Item]:
    """Single samples of a batch: views without batch axis."""
    inputs = {m: x.movedim(-4, 0) for m, x in batch.inputs.items()}
    return [({m: x[b] for m, x in inputs.items()}, label) for b, label in enumerate(batch.labels)]


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel of the training part: x -> (x - mean) / std.

    Args:
        mean: C numbers of each modality.
        std: C numbers of each modality, all positive.
    """

    mean: Mapping[str, tuple[float, ...]]
    std: Mapping[str, tuple[float, ...]]

    def __call__(self, modality: str, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """Standardise `values` (..., C, H, W); a modality that is not named here is only converted to float32."""
        if modality not in self.mean:
            return np.asarray(values, dtype=np.float32)
        shape = (len(self.mean[modality]), 1, 1)
        mean = np.asarray(self.mean[modality], dtype=np.float32).reshape(shape)
        std = np.asarray(self.std[modality], dtype=np.float32).reshape(shape)
        standardised = np.subtract(values, mean, dtype=np.float32, casting="unsafe")
        return np.divide(standardised, std, out=standardised)  # one large array, not three: allocation takes the time


class RawSplit(Split):
    """A split that also gives its samples before they are standardised, which is where they are augmented."""

    normalisation: Normalisation
    """Normalisation that `collate` applies."""

    @abstractmethod
    def values(self, indices: NDArray[np.int64], *, epoch: int) -> dict[str, NDArray[np.generic]]:
        """Samples at `indices` as they are stored, (B, ...) of each modality: arrays that the caller may change."""

    def inputs(self, values: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        """Stored values as (B, C, H, W) or (B, T, C, H, W); here they are stored so."""
        return dict(values)

    @abstractmethod
    def collate(self, inputs: Mapping[str, NDArray[np.generic]], indices: NDArray[np.int64]) -> Batch:
        """Standardised batch, time first, of the samples at `indices`; zeros for missing modalities."""

    def recordings(self, *, epoch: int) -> Mapping[str, Recordings]:  # noqa: ARG002 - for splits that draw
        """Sounds whose waveforms are at hand, by name; here none."""
        return {}

    def batch(self, indices: NDArray[np.int64], *, epoch: int) -> Batch:
        """Samples at `indices`: `values`, `inputs` and `collate`, one after another."""
        return self.collate(self.inputs(self.values(indices, epoch=epoch)), indices)


@dataclass(frozen=True)
class Dataset:
    """A loaded dataset.

    Args:
        spec: modalities, channels, sizes, classes.
        train, validation, test: the splits; validation is always taken from training.
        normalisation: normalisation of the splits; a run keeps it for prediction.
        protocol: how the split was made ("standard", "speaker-out fold 0", ...), for the record.
        fingerprint: digest of contents, labels and split: two runs with the same one used the same data.
        stored: how files like these are read, in plain values; a run keeps it for prediction, when the data may be
            gone. Empty where the settings of the data say it all.
        sources: what each modality is made from, in words; empty where there is nothing to say.
        samples: where the data are files, the sample of each row of "train", "validation" and "test".
    """

    spec: DataSpec
    train: Split
    validation: Split
    test: Split
    normalisation: Normalisation
    protocol: str
    fingerprint: str
    stored: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict[str, Sequence[Sample]])


class ClipReader(Protocol):
    """Reader of a user's own files: from files to the raw (not standardised) arrays of single samples."""

    def knows(self, path: Path) -> bool:
        """True if files with the suffix of `path` can be read; other files of a folder are passed over."""
        ...

    def group(self, files: Sequence[Path]) -> dict[str, Clip]:
        """Clips that `files` hold, by name; `ColliculusError` for a file of unknown kind."""
        ...

    def read(self, clip: Clip) -> dict[str, NDArray[np.float32]]:
        """Raw arrays (C, H, W) or (T, C, H, W) of the modalities found in one clip; some may be missing."""
        ...


class DataSettings(Protocol):
    """Settings of a dataset: a frozen dataclass that a preset holds and the command line overrides."""

    name: ClassVar[str]

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Read or make the data; standardise by `normalisation` (a trained run's), else by the training part."""
        ...

    def reader(self, spec: DataSpec) -> ClipReader:
        """Reader of files of this kind of data, for `colliculus predict`."""
        ...
