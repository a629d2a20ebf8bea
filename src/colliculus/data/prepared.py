"""Data that `colliculus prepare` made: arrays that stay on the disk, and a protocol that says who trains on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.prepared_folder import PreparedFolder, describe, read_prepared
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.protocols import Partition, ProtocolName, SplitProtocol, choose_protocol, current_name
from colliculus.corpus.shared_content import content_keys
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.augment import Augment, Kind, augmented
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.data.fingerprint import fingerprint
from colliculus.data.loading import ArraySplit, ToInput
from colliculus.data.standardise import channel_statistics
from colliculus.files.checks import SPLITS, dataset_root
from colliculus.types import ColliculusError, DataSpec

_OWN = ("folder", "manifest")  # recipes of your own data, whose split is yours and not a publisher's


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Settings of data in a folder that `colliculus prepare RECIPE RAW FOLDER` made.

    Samples that could not be read, and modalities that no sample of the training part holds, are left out. A sample
    that lacks a modality the others hold is trained and evaluated with the training mean in its place. The arrays stay
    memory-mapped; where waveforms are stored, spectrograms are made batch by batch.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[str] = "prepared"

    root: Path | None = None
    """Folder that `colliculus prepare` made."""
    protocol: Literal["auto", "honest", ProtocolName] = "auto"
    """auto: given if your own folders or table have a split, else group-disjoint; group-disjoint (formerly honest):
    folds that keep groups together; paper: the publisher's split; given: the split of your folders or table."""
    fold: int = 0
    """Fold of `group-disjoint` that is the test part; the other protocols have none."""
    folds: int = 5
    """Number of folds of `group-disjoint`."""
    validation_fraction: float = 0.1
    """Share of the training part that becomes the validation part, where none is told."""
    standardise: bool = True
    """Bring every channel to mean 0 and deviation 1 of the training part."""
    seed: int = 0
    """Decides folds and the validation part."""
    augment: Augment = field(default_factory=Augment)
    """How training samples are varied; off unless set."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ColliculusError(f"`seed` of the data is {self.seed}: choose 0 or above")
        object.__setattr__(self, "protocol", current_name(self.protocol))
        self._protocol(self.protocol)

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Open the arrays; standardise by `normalisation`, or by the training part (if `standardise`).

        Raises:
            ColliculusError: the folder holds no finished preparation, is damaged, or does not suit the protocol.
        """
        folder = read_prepared(dataset_root(self.root))
        parts = self._parts(folder)
        present = _present(folder)
        wanted = {m: storage for m, storage in folder.storages.items() if present[m][parts.train].any()}
        arrays = {m: folder.arrays[m].memory_map() for m in wanted}
        to_input = {m: s.pictures for m, s in wanted.items() if isinstance(s, Sound) and s.kind == "waveform"}
        if normalisation is None:
            normalisation = _learn(arrays if self.standardise else {}, present, parts.train, to_input)
        labels = np.array([sample.label for sample in folder.samples])
        classes = np.unique(labels[parts.train])
        spec = _spec(wanted, classes.tolist())
        incomplete = {m: present[m] for m in wanted if not present[m].all()}
        splits = {
            name: ArraySplit(arrays, np.searchsorted(classes, labels[rows]), rows, normalisation, to_input, incomplete)
            for name, rows in zip(SPLITS, (parts.train, parts.validation, parts.test), strict=True)
        }
        return Dataset(
            spec=spec,
            train=augmented(splits["train"], self.augment, _kinds(wanted), spec),
            validation=splits["validation"],
            test=splits["test"],
            normalisation=normalisation,
            protocol=parts.name,
            fingerprint=_fingerprint(folder, spec, splits),
            stored=describe(wanted),
        )

    def reader(self, spec: DataSpec) -> StorageReader:
        """The reader of raw files like those that were prepared, with the same settings.

        A run keeps these settings (`Dataset.stored`); here they are read where the data lie.

        Raises:
            ColliculusError: the prepared folder, which holds these settings, is gone or damaged.
        """
        storages = read_prepared(dataset_root(self.root)).storages
        return StorageReader({m: storages[m] for m in spec.modalities if m in storages})

    def _protocol(self, name: str) -> SplitProtocol:
        return choose_protocol(
            "group-disjoint" if name == "auto" else name,
            fold=self.fold,
            folds=self.folds,
            validation_fraction=self.validation_fraction,
            seed=self.seed,
        )

    def _parts(self, folder: PreparedFolder) -> Partition:
        """The rows of each part, as rows of the arrays."""
        usable = np.array(folder.usable, dtype=np.int64)
        samples = [folder.samples[row] for row in usable]
        results = [folder.results[row] for row in usable]
        contents = [content_keys(s, o.sha256, o.missing) for s, o in zip(samples, results, strict=True)]
        name = _own_choice(folder) if self.protocol == "auto" else self.protocol
        parts = self._protocol(name).divide(samples, contents)
        return Partition(usable[parts.train], usable[parts.validation], usable[parts.test], parts.name)


def _own_choice(folder: PreparedFolder) -> ProtocolName:
    """A split that its user made is kept; a published one may have related samples on both sides."""
    told = folder.recipe in _OWN and any(sample.split for sample in folder.samples)
    return "given" if told else "group-disjoint"


def _present(folder: PreparedFolder) -> dict[str, NDArray[np.bool_]]:
    """Which rows hold each modality."""
    return {m: np.array([m not in result.missing for result in folder.results]) for m in folder.storages}


def _learn(
    arrays: Mapping[str, NDArray[np.generic]],
    present: Mapping[str, NDArray[np.bool_]],
    train: NDArray[np.int64],
    to_input: Mapping[str, ToInput],
) -> Normalisation:
    """Statistics of each modality over the training samples that hold it."""
    learned = {m: channel_statistics({m: array}, train[present[m][train]], to_input) for m, array in arrays.items()}
    return Normalisation(
        {m: part.mean[m] for m, part in learned.items()}, {m: part.std[m] for m, part in learned.items()}
    )


def _kinds(storages: Mapping[str, Storage]) -> dict[str, Kind]:
    """What modalities hold, as far as augmentations know it."""
    kinds: dict[str, Kind] = {m: "pictures" for m, s in storages.items() if isinstance(s, Frames)}
    kinds |= {m: "events" for m, s in storages.items() if isinstance(s, EventFrames)}
    for m, s in storages.items():
        if isinstance(s, Sound):
            kinds[m] = "waveforms" if s.kind == "waveform" else "spectrograms"
    return kinds


def _spec(storages: Mapping[str, Storage], classes: list[str]) -> DataSpec:
    shapes = {m: s.picture_shape if isinstance(s, Sound) else s.shape for m, s in storages.items()}
    return DataSpec(
        channels={m: shape[-3] for m, shape in shapes.items()},
        sizes={m: (shape[-2], shape[-1]) for m, shape in shapes.items()},
        steps={m: shape[0] for m, shape in shapes.items() if len(shape) == 4},
        num_classes=len(classes),
        class_names=tuple(classes),
    )


def _fingerprint(folder: PreparedFolder, spec: DataSpec, splits: Mapping[str, ArraySplit]) -> str:
    """That of the arrays was taken when they were made: none is read here."""
    parts: dict[str, NDArray[np.generic]] = {"content": np.frombuffer(bytes.fromhex(folder.content), dtype=np.uint8)}
    parts |= {f"labels of {name}": split.labels for name, split in splits.items()}
    parts |= {f"rows of {name}": split.rows for name, split in splits.items()}
    return fingerprint(spec, parts | {f"samples with {m}": held for m, held in splits["train"].present.items()})
