"""Recipe of your own data listed in a manifest, with any number of modalities of any names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from colliculus.corpus.manifest import read_manifest
from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.series import SensorSeries
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.sample import Sample
from colliculus.files.tables import TABLE_SUFFIXES
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class ManifestRecipe(Recipe):
    """Settings of your own data listed in a table.

    RAW is a table (.csv or .parquet) with one row per sample: `label`, one column of files for each modality, and
    optionally `name`, `split`, `group`, `stratum`, `start`, `end` and `left_out`. Its paths start at the folder of the
    table. A sample without a file in a column lacks that modality.

    Raises:
        ColliculusError: a column is named twice, or the shape of an array cannot be read.
    """

    name: ClassVar[str] = "manifest"

    sounds: tuple[str, ...] = ("audio",)
    """Columns of sound or video files, with the storage `audio`."""
    pictures: tuple[str, ...] = ("visual",)
    """Columns of image or video files, with the storage `visual`."""
    arrays: tuple[str, ...] = ()
    """Columns of .npy or .npz files and the shape of a sample, such as lidar:1x32x32, or tactile:4x1x8x8 in 4 steps;
    or of series (.npy, .csv, .mat; a row is a moment), such as imu:6x128, of 6 channels resampled to 128 steps."""
    events: tuple[str, ...] = ()
    """Columns of recordings of event cameras and the stored shape TxPxHxW: counts in T bins of time, P polarities (1:
    together), height and width, such as dvs:10x2x28x28. @ROWSxCOLUMNS adds the size of the sensor, which some files do
    not state, such as dvs:10x2x34x34@34x34."""
    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """Storage of the sound; the whole sample unless `duration_s` is set, as for images."""
    visual: Frames = field(default_factory=Frames)
    """Storage of images and videos."""

    def __post_init__(self) -> None:
        names = [*self.sounds, *self.pictures, *(column.partition(":")[0] for column in (*self.arrays, *self.events))]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ColliculusError(
                f"the column {twice[0]!r} is named twice: choose one of `sounds`, `pictures`, `arrays` and `events`"
            )
        for column in self.arrays:
            _array(column)
        for column in self.events:
            _events(column)

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Storages of sounds, images, arrays and events."""
        stored: dict[str, Storage] = dict.fromkeys(self.sounds, self.audio)
        stored |= dict.fromkeys(self.pictures, self.visual)
        stored |= {column.partition(":")[0]: _array(column) for column in self.arrays}
        return stored | {column.partition(":")[0]: _events(column) for column in self.events}

    def samples(self, raw: Path) -> list[Sample]:
        """Rows of the table, in their order.

        Raises:
            ColliculusError: the table cannot be read, or has a column without a storage.
        """
        if raw.is_dir():
            raise ColliculusError(
                f"{raw} is a folder: pass the manifest, a file ending in {' or '.join(TABLE_SUFFIXES)}"
            )
        samples = read_manifest(raw)
        if unknown := sorted({m for sample in samples for m in sample.files} - set(self.storages)):
            raise ColliculusError(
                f"{raw} has a column {unknown[0]!r}: add it to --sounds, --pictures, --arrays or --events, or begin its"
                " name with # so that it is ignored"
            )
        return samples


def _array(column: str) -> StoredArray | SensorSeries:
    """Storage for "NAME:CxHxW", or for a series "NAME:CxW"."""
    name, _, text = column.partition(":")
    try:
        shape = tuple(int(length) for length in text.split("x"))
        return SensorSeries(channels=shape[0], steps=shape[1]) if len(shape) == 2 else StoredArray(shape=shape)
    except ValueError as error:
        name = name or "NAME"
        raise ColliculusError(
            f"the array {column!r} has no shape: write {name}:CxHxW, {name}:TxCxHxW, or {name}:CxW of a series"
        ) from error


def _events(column: str) -> EventFrames:
    """Storage for "NAME:TxPxHxW" or "NAME:TxPxHxW@ROWSxCOLUMNS"."""
    name, _, text = column.partition(":")
    shape, _, sensor = text.partition("@")
    try:
        bins, polarities, height, width = (int(length) for length in shape.split("x"))
        rows, columns = (int(length) for length in sensor.split("x")) if sensor else (0, 0)
    except ValueError as error:
        name = name or "NAME"
        raise ColliculusError(
            f"the events {column!r} have no shape: write {name}:TxPxHxW, or {name}:TxPxHxW@ROWSxCOLUMNS with the size"
            " of the sensor"
        ) from error
    return EventFrames(
        sensor=(rows, columns) if sensor else None,
        size=(height, width),
        bins=bins,
        polarities=1 if polarities == 1 else 2 if polarities == 2 else _refused(column),
    )


def _refused(column: str) -> Literal[1, 2]:
    raise ColliculusError(f"the events {column!r} have neither 1 nor 2 polarities: write one of these as P of TxPxHxW")
