"""Data prepared to arrays on the disk, and a protocol that divides them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.prepared_folder import DIVIDED_FOLDER, PreparedFolder, describe, read_prepared
from colliculus.corpus.prepare.remote import local_prepared
from colliculus.corpus.prepare.storage import Frames, Sound, Storage, as_waveforms
from colliculus.corpus.prepare.verification import verify_once
from colliculus.corpus.protocols import Partition, ProtocolName, SplitProtocol, current_name
from colliculus.corpus.shared_content import content_keys
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.assemble import assemble, fingerprint, spec_of
from colliculus.data.augment import Augment, ModalityKind
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.data.divided import Divided, SamplesOf
from colliculus.data.loading import ArraySplit, RowArray
from colliculus.data.recordings import Recordings
from colliculus.data.standardise import channel_statistics
from colliculus.files.cache import Cache
from colliculus.files.checks import SPLITS, dataset_root
from colliculus.files.documents import from_plain, package_version, to_plain
from colliculus.types import ColliculusError, DataSpec

MANY = 20_000
"""Rows from which on parts and statistics are kept beside the arrays: fewer are read in the time of an import."""
_OWN = ("folder", "manifest")  # recipes of a user's own data, whose split is the user's and not a publisher's


@dataclass(frozen=True, kw_only=True)
class DividedData(ABC):
    """Settings of prepared data: how they are divided, standardised and augmented."""

    root: Path | None = None
    """Folder of the data."""
    protocol: Literal["auto", "honest", ProtocolName] = "auto"
    """auto: given if your own folders or table have a split, else group-disjoint; group-disjoint (formerly honest):
    folds that keep groups together; paper: the publisher's split; given: the split of your folders or table."""
    fold: int = 0
    """Fold of `group-disjoint` that is the test part; the other protocols have none."""
    folds: int = 5
    """Number of folds of `group-disjoint`."""
    validation_fraction: float = 0.1
    """Share of the training part that becomes the validation part, where none is given; 0: there is none, and the last
    epoch is kept."""
    standardise: bool = True
    """Standardise every channel to mean 0 and deviation 1 of the training part."""
    seed: int = 0
    """Seed of the folds and of the validation part."""
    augment: Augment = field(default_factory=Augment)
    """Augmentation of the training samples; off unless set."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ColliculusError(f"`seed` of the data is {self.seed}: choose 0 or above")
        object.__setattr__(self, "protocol", current_name(self.protocol))
        self._protocol(self.protocol)

    @abstractmethod
    def prepared_folder(self) -> PreparedFolder:
        """The prepared data.

        Raises:
            ColliculusError: there are none, or they are damaged.
        """

    def load(self, normalisation: Normalisation | None = None) -> Dataset:
        """Open the arrays; standardise by `normalisation`, or by the training part (if `standardise`).

        Samples that could not be read, and modalities that no sample of the training part holds, are left out.

        Raises:
            ColliculusError: the data are not there, are damaged or changed, or do not suit the protocol.
        """
        folder = self.prepared_folder()
        if folder.pairs:  # else the choice of a protocol need not read the manifest
            _check_pairs(folder, self._protocol_of(folder))
        verify_once(folder)
        divided = self._divided(folder)
        parts, present = divided.parts, divided.present
        used = {m: storage for m, storage in folder.storages.items() if present[m][parts.train].any()}
        arrays = {m: folder.arrays[m].memory_map() for m in used}
        to_input = {m: s.spectrograms for m, s in used.items() if isinstance(s, Sound) and s.kind == "waveform"}
        if normalisation is None:
            learned = arrays if self.standardise else {}
            compute = partial(channel_statistics, learned, parts.train, to_input, present)
            normalisation = self._statistics(folder, compute) if learned else compute()
        classes = divided.names[np.unique(divided.labels[parts.train])]
        number = np.searchsorted(classes, divided.names)
        incomplete = {m: present[m] for m in used if not present[m].all()}
        splits = {
            name: ArraySplit(
                arrays,
                number[divided.labels[rows]],
                rows,
                normalisation,
                to_input,
                incomplete,
                _recordings(used, arrays, rows),
            )
            for name, rows in zip(SPLITS, (parts.train, parts.validation, parts.test), strict=True)
        }
        shapes = {m: s.spectrogram_shape if isinstance(s, Sound) else s.shape for m, s in used.items()}
        spec = spec_of(shapes, classes.tolist())
        return assemble(
            spec,
            splits,
            parts.name,
            fingerprint(spec, _contents(folder, splits)),
            augment=self.augment,
            kinds=_kinds(used),
            stored=describe(used),
            sources={m: storage.in_words for m, storage in used.items()},
            samples={name: SamplesOf(folder, split.rows) for name, split in splits.items()},
        )

    def reader(self, spec: DataSpec) -> StorageReader:
        """Reader of raw files like those that were prepared, with the same settings.

        A run keeps these settings (`Dataset.stored`); here they are read where the data are.

        Raises:
            ColliculusError: the prepared data are gone or damaged.
        """
        storages = self.prepared_folder().storages
        return StorageReader({m: storages[m] for m in spec.modalities if m in storages})

    def _protocol(self, name: Literal["auto", "honest", ProtocolName]) -> SplitProtocol:
        return SplitProtocol(
            name="group-disjoint" if name in ("auto", "honest") else name,
            fold=self.fold,
            folds=self.folds,
            validation_fraction=self.validation_fraction,
            seed=self.seed,
        )

    def _protocol_of(self, folder: PreparedFolder) -> Literal["honest", ProtocolName]:
        return _own_choice(folder) if self.protocol == "auto" else self.protocol

    def _divided(self, folder: PreparedFolder) -> Divided:
        """The parts; of many rows they are computed once and kept."""
        path = self._kept_in(folder) / "parts.npz"
        many = folder.rows >= MANY
        if many and (found := Divided.read(path, folder)) is not None:
            return found
        divided = Divided.of(folder, self._parts(folder))
        if many:
            divided.write(path)
        return divided

    def _statistics(self, folder: PreparedFolder, compute: Callable[[], Normalisation]) -> Normalisation:
        """The statistics of the training part; of many rows they are computed once and kept."""
        if folder.rows < MANY:
            return compute()
        cache = Cache(self._kept_in(folder), {})
        with suppress(ColliculusError):  # damaged
            if (plain := cache.find("statistics")) is not None:
                return from_plain(plain, Normalisation)
        found = compute()
        with suppress(ColliculusError):  # a folder that cannot be written to
            cache.keep("statistics", to_plain(found))
        return found

    def _kept_in(self, folder: PreparedFolder) -> Path:
        """Folder named by a digest of whatever decides the parts."""
        rule = [self.protocol, self.fold, self.folds, self.validation_fraction, self.seed]
        decisive = json.dumps([folder.layout.manifest, folder.recipe, package_version(), *rule])
        return folder.path / DIVIDED_FOLDER / sha256(decisive.encode()).hexdigest()[:24]

    def _parts(self, folder: PreparedFolder) -> Partition:
        """Rows of the arrays in each part."""
        usable = np.array(folder.usable, dtype=np.int64)
        samples = [folder.samples[row] for row in usable]
        results = [folder.results[row] for row in usable]
        contents = [content_keys(s, r.sha256, r.missing) for s, r in zip(samples, results, strict=True)]
        parts = self._protocol(self._protocol_of(folder)).divide(samples, contents)
        return Partition(usable[parts.train], usable[parts.validation], usable[parts.test], parts.name)


@dataclass(frozen=True, kw_only=True)
class Prepared(DividedData):
    """Settings of data in a folder that `colliculus prepare RECIPE RAW FOLDER` made.

    Samples that could not be read, and modalities that no sample of the training part holds, are left out. A sample
    that lacks a modality the others hold is trained and evaluated with the training mean in its place. The arrays stay
    memory-mapped; where waveforms are stored, spectrograms are computed batch by batch.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[str] = "prepared"

    root: Path | None = None
    """Folder that `colliculus prepare` made, or its address (s3://, gs://, https://), which is copied once."""

    def prepared_folder(self) -> PreparedFolder:
        """As `DividedData.prepared_folder`."""
        local = None if self.root is None else local_prepared(self.root)
        return read_prepared(dataset_root(local))


def _recordings(
    storages: Mapping[str, Storage], arrays: Mapping[str, RowArray], rows: NDArray[np.int64]
) -> dict[str, Recordings]:
    """Recordings of each modality that is stored as a waveform."""

    def waveform(stored: RowArray, index: int) -> NDArray[np.float32]:
        return as_waveforms(stored[rows[[index]]][0])

    return {
        m: Recordings(len(rows), partial(waveform, arrays[m]), {m: storage.spectrogram})
        for m, storage in storages.items()
        if isinstance(storage, Sound) and storage.kind == "waveform"
    }


def _own_choice(folder: PreparedFolder) -> ProtocolName:
    """Keep a user's own split; a published one may have related samples on both sides."""
    given = folder.recipe in _OWN and any(sample.split for sample in folder.samples)
    return "given" if given else "group-disjoint"


def _check_pairs(folder: PreparedFolder, protocol: str) -> None:
    """Check that the recordings were paired for this protocol.

    Raises:
        ColliculusError: they were not.
    """
    if (folder.pairs == "paper") != (protocol == "paper"):
        suited, other = ("paper", "honest") if folder.pairs == "paper" else ("group-disjoint", "paper")
        raise ColliculusError(
            f"{folder.path} was prepared with `pairs` {folder.pairs!r}, which do not suit the protocol {protocol!r}:"
            f" choose --data.protocol {suited}, or prepare the data into a new folder with --pairs {other}"
        )


def _kinds(storages: Mapping[str, Storage]) -> dict[str, ModalityKind]:
    """Kinds of the modalities, by how they are stored."""
    return {m: _kind(storage) for m, storage in storages.items()}


def _kind(storage: Storage) -> ModalityKind:
    if isinstance(storage, Frames):
        return "pictures"
    if isinstance(storage, EventFrames):
        return "events"
    if isinstance(storage, Sound):
        return "waveforms" if storage.kind == "waveform" else "spectrograms"
    return "series" if storage.shape[-2] == 1 else "maps"


def _contents(folder: PreparedFolder, splits: Mapping[str, ArraySplit]) -> dict[str, NDArray[np.generic]]:
    """Arrays that decide the dataset; the digest of the content was taken at preparation, so that none is read here."""
    contents: dict[str, NDArray[np.generic]] = {"content": np.frombuffer(bytes.fromhex(folder.content), dtype=np.uint8)}
    contents |= {f"labels of {name}": split.labels for name, split in splits.items()}
    contents |= {f"rows of {name}": split.rows for name, split in splits.items()}
    return contents | {f"samples with {m}": held for m, held in splits["train"].present.items()}
