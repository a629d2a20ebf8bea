"""Own data as NumPy arrays: any number of modalities of any names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.splits import held_out
from colliculus.data.assemble import assemble, fingerprint, spec_of
from colliculus.data.augment import Augment, ModalityKind
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.data.standardise import StreamedMoments, normalisation_of
from colliculus.files.checks import SPLITS, dataset_root, split_folders, visible
from colliculus.media.array_files import ArrayReader, as_float32, check_numbers
from colliculus.media.layouts import TimeAxis, as_map, layout_in_words, time_is_last
from colliculus.media.numpy_files import open_array
from colliculus.types import ColliculusError, DataSpec, unknown_name

_COLOURS, _LONG = (1, 3, 4), 8  # lengths of an axis of colours, and the least one of an axis of pixels
_IMAGE_SIDE = 16  # least length of both axes of a series that may be meant as an image or a spectrogram

ArrayKind = Literal["pictures", "spectrograms", "events", "series", "maps"]
"""Kinds of arrays that augmentations know."""


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """Settings of own arrays, `ROOT/{train,test}/<modality>.npy` and optionally `ROOT/validation/<modality>.npy`.

    A modality is an array (n, C, H, W), static, or (n, T, C, H, W), a sequence, of any numeric type; modalities may
    differ in size and number of steps. A time series is (n, channels, samples) or (n, samples, channels), and becomes
    (n, C, 1, W): time is the longer of the last two axes, if it is at least twice as long, or as `time_axis` says.

    `label.npy` (n,) holds a whole number per sample; the classes are the numbers found in train, in ascending order.
    Other 1-D arrays are metadata. Where validation is taken from train, samples of one group in `group.npy` (a speaker,
    a recording, ...; numbers or strings) stay together. Arrays stay memory-mapped.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[str] = "arrays"

    root: Path | None = None
    """Folder with `train/`, `test/` and optionally `validation/`."""
    validation_fraction: float = 0.1
    """Share of train that becomes the validation part, where there is no folder `validation`; 0: there is none, and the
    last epoch is kept."""
    standardise: bool = True
    """Standardise every channel to mean 0 and deviation 1 of the training part."""
    seed: int = 0
    """Seed of the validation part."""
    time_axis: TimeAxis = "longer"
    """Axis of time of a series (n, A, B): the longer of the last two, if it is at least twice as long; or the first or
    the last of them."""
    kinds: Mapping[str, ArrayKind] = field(default_factory=dict[str, ArrayKind], hash=False)
    """Kinds of modalities, for `augment`: pictures (levels 0..255), spectrograms, (counts of) events, series (over
    time, height 1) or maps, such as touch events camera pictures; not named: series where the height is 1, else maps"""
    augment: Augment = field(default_factory=Augment)
    """Augmentation of the training samples; off unless set."""

    def __post_init__(self) -> None:
        if not 0 <= self.validation_fraction < 1 or self.seed < 0:
            raise ColliculusError("`validation_fraction` must be at least 0 and below 1, and `seed` at least 0")

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Open the arrays; standardise by `normalisation`, or by the training part (if `standardise`).

        Raises:
            ColliculusError: a file or folder is missing or damaged, or files contradict one another.
        """
        root = dataset_root(self.root)
        stored = {split: _open(folder, root, self.time_axis) for split, folder in split_folders(root).items()}
        train = stored["train"]
        if self.time_axis != "longer" and not train.series:
            raise ColliculusError(
                f"`time_axis` is {self.time_axis!r}, and {train.folder} holds no series (n, A, B): leave it at longer"
            )
        values = np.unique(train.labels)
        for part in stored.values():
            _check_fits(part, train, values)
        rows = {split: np.arange(len(part.labels)) for split, part in stored.items()}
        protocol = "given"
        if "validation" not in stored:
            stored["validation"] = train
            rows["train"], rows["validation"] = held_out(
                train.labels, fraction=self.validation_fraction, seed=self.seed, groups=train.groups
            )
            by = " by group" if train.groups is not None else ""
            protocol = (
                f"given test, validation from train{by}"
                if self.validation_fraction
                else "given test, no validation part"
            )
        spec = spec_of({m: array.shape[1:] for m, array in train.arrays.items()}, [str(value) for value in values])
        targets = {split: np.searchsorted(values, part.labels)[rows[split]] for split, part in stored.items()}
        learned = train.arrays if self.standardise and normalisation is None else {}
        digest, found = _read_once(spec, stored, targets, rows, learned)
        used = found if normalisation is None else normalisation
        splits = {split: ArraySplit(part.arrays, targets[split], rows[split], used) for split, part in stored.items()}
        return assemble(
            spec,
            splits,
            protocol,
            digest,
            augment=self.augment,
            kinds=self._kinds(spec),
            sources=train.sources,
        )

    def reader(self, spec: DataSpec) -> ArrayReader:
        """Reader of arrays like these."""
        return ArrayReader(spec, self.time_axis)

    def _kinds(self, spec: DataSpec) -> dict[str, ModalityKind]:
        if strangers := [m for m in self.kinds if m not in spec.modalities]:
            raise unknown_name("modality", strangers[0], spec.modalities)
        for modality, kind in self.kinds.items():
            if kind == "series" and (height := spec.size(modality)[0]) != 1:
                raise ColliculusError(
                    f"{modality} has the height {height} and is called a series: write (n, C, 1, W), with each sensor"
                    " axis as a channel, or call it maps"
                )
        return {m: self.kinds.get(m, "series" if spec.size(m)[0] == 1 else "maps") for m in spec.modalities}


@dataclass(frozen=True, eq=False)
class _Stored:
    """One folder of arrays: modalities, labels as written, groups if any, how each was read, and which are series."""

    folder: Path
    arrays: Mapping[str, NDArray[np.generic]]
    labels: NDArray[np.int64]
    groups: NDArray[np.generic] | None
    sources: Mapping[str, str]
    series: Sequence[str]


def _open(folder: Path, root: Path, time_axis: TimeAxis) -> _Stored:
    files = visible(folder, root)
    if archives := [path for path in files if path.suffix == ".npz"]:
        raise ColliculusError(f"{archives[0]} is an archive: save each of its arrays as {folder / '<modality>.npy'}")
    found = {path.stem: open_array(path) for path in files if path.suffix == ".npy"}
    if "label" not in found:
        raise ColliculusError(f"{folder / 'label.npy'} is missing: write the class of each sample, a whole number")
    labels = _whole_numbers(folder / "label.npy", found.pop("label"))
    arrays = {name: array for name, array in found.items() if array.ndim != 1}
    if not arrays:
        raise ColliculusError(f"{folder} holds no modality: write arrays (n, C, H, W) or (n, T, C, H, W) there")
    sources = {name: f"{name}.npy" for name in arrays}
    series = [name for name, array in arrays.items() if array.ndim == 3 and min(array.shape) > 0]
    for name in series:
        last = time_is_last(str(folder / f"{name}.npy"), arrays[name].shape, time_axis)
        sources[name] = f"{name}.npy, {layout_in_words(arrays[name].shape, last=last)}"
        if time_axis == "longer" and min(arrays[name].shape[1:]) >= _IMAGE_SIDE:
            sources[name] += ", images would be (n, 1, {}, {})".format(*arrays[name].shape[1:])
        arrays[name] = as_map(arrays[name], last=last)
    for name, array in arrays.items():
        _check_modality(folder / f"{name}.npy", array)
    for name, array in found.items():
        if len(array) != len(labels):
            raise ColliculusError(
                f"{folder / f'{name}.npy'} holds {len(array)} samples and label.npy {len(labels)}: write as many"
            )
    return _Stored(folder, arrays, labels, found.get("group"), sources, series)


def _whole_numbers(path: Path, labels: NDArray[np.generic]) -> NDArray[np.int64]:
    check_numbers(path, labels)
    if labels.ndim != 1 or not len(labels):
        raise ColliculusError(f"{path} has the shape {labels.shape}: write (n,), one label per sample, n at least 1")
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.rint(labels))).all():
        raise ColliculusError(f"{path} holds labels that are not whole numbers: write each class as an integer")
    return labels.astype(np.int64)


def _check_modality(path: Path, array: NDArray[np.generic]) -> None:
    check_numbers(path, array)
    if "." in path.stem:
        raise ColliculusError(f"{path} has a dot in the name of its modality: rename it")
    if array.ndim not in (4, 5) or min(array.shape) < 1:
        raise ColliculusError(
            f"{path} has the shape {array.shape}: write (n, C, H, W), (n, T, C, H, W) or (n, channels, samples)"
        )
    if channels_last(array.shape):
        axes = "0, 3, 1, 2" if array.ndim == 4 else "0, 1, 4, 2, 3"
        raise ColliculusError(
            f"{path} has the shape {array.shape}, with its {array.shape[-1]} channel(s) last: write channels first,"
            f" numpy.save({path.name!r}, array.transpose({axes}))"
        )


def channels_last(shape: Sequence[int]) -> bool:
    """True for (..., H, W, C) where (..., C, H, W) is needed: a last axis of 1, 3 or 4 behind two long ones.

    Example:
        >>> channels_last((20, 32, 32, 3)), channels_last((20, 3, 32, 32)), channels_last((20, 64, 1, 4))
        (True, False, False)
    """
    return shape[-1] in _COLOURS and min(shape[-3:-1]) >= _LONG


def _check_fits(part: _Stored, train: _Stored, values: NDArray[np.int64]) -> None:
    """Check that a part has the classes, modalities and shapes of train."""
    if len(values) < 2:
        raise ColliculusError(f"all labels in {train.folder / 'label.npy'} are {values[0]}: give at least two classes")
    if differing := sorted(set(part.arrays) ^ set(train.arrays)):
        raise ColliculusError(
            f"{part.folder} holds the modalities {sorted(part.arrays)} and {train.folder} {sorted(train.arrays)}:"
            f" write {differing[0]}.npy in both or in neither"
        )
    for name, array in part.arrays.items():
        if array.shape[1:] != train.arrays[name].shape[1:]:
            raise ColliculusError(
                f"samples in {part.folder / f'{name}.npy'} have the shape {array.shape[1:]}, and in train"
                f" {train.arrays[name].shape[1:]}: write both in one shape"
            )
    if len(unknown := np.setdiff1d(part.labels, values)):
        raise ColliculusError(
            f"{part.folder / 'label.npy'} holds the label {unknown[0]}, which train lacks: add such samples to train"
        )


def _read_once(
    spec: DataSpec,
    stored: Mapping[str, _Stored],
    targets: Mapping[str, NDArray[np.int64]],
    rows: Mapping[str, NDArray[np.int64]],
    learned: Mapping[str, NDArray[np.generic]],
) -> tuple[str, Normalisation]:
    """Read all arrays once, to check their values: their fingerprint, and the statistics of the training rows.

    Arrays that several splits share are named once.

    Raises:
        ColliculusError: a value is not finite in float32.
    """
    pools = list({id(stored[name]): stored[name] for name in SPLITS}.values())
    arrays = {f"{i} {m}": array for i, pool in enumerate(pools) for m, array in pool.arrays.items()}
    paths = {f"{i} {m}": pool.folder / f"{m}.npy" for i, pool in enumerate(pools) for m in pool.arrays}
    streamed = {f"0 {m}": StreamedMoments(m, array, rows["train"]) for m, array in learned.items()}

    def look(name: str, done: int, chunk: NDArray[np.generic]) -> None:
        if name in paths and chunk.dtype.kind == "f":
            as_float32(paths[name], chunk)
        if name in streamed:
            streamed[name].look(done, chunk)

    labels = {f"labels of {name}": targets[name] for name in SPLITS}
    contents = arrays | labels | {f"rows of {name}": rows[name] for name in SPLITS}
    digest = fingerprint(spec, contents, look)
    return digest, normalisation_of({m: streamed[f"0 {m}"].moments for m in learned})
