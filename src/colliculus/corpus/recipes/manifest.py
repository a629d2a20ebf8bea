"""Own data listed in a manifest: any number of modalities, of any names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.manifest import read_manifest
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.source import Source
from colliculus.files.tables import TABLE_SUFFIXES
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class ManifestRecipe:
    """Settings of own data listed in a table.

    RAW is a table (.csv, .jsonl or .parquet) with one row for each sample: `label`, one column of files for each
    modality, and as you like `name`, `split`, `group`, `stratum`, `start`, `end` and `left_out`. Its paths begin at the
    folder that it lies in. A sample without a file in a column lacks that modality.

    Raises:
        ColliculusError: a column is named twice, or the shape of an array cannot be read.
    """

    name: ClassVar[str] = "manifest"

    sounds: tuple[str, ...] = ("audio",)
    """Columns of sound or video files, stored as `audio` says."""
    pictures: tuple[str, ...] = ("visual",)
    """Columns of image or video files, stored as `visual` says."""
    arrays: tuple[str, ...] = ()
    """Columns of .npy or .npz files and the shape of one sample, such as lidar:1x32x32, or touch:4x1x8x8 in 4 steps."""
    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """How sound is stored; of the whole sample unless `duration_s` is set, as its pictures are of all of it."""
    visual: Frames = field(default_factory=Frames)
    """How an image or a video is stored."""

    def __post_init__(self) -> None:
        names = [*self.sounds, *self.pictures, *(column.partition(":")[0] for column in self.arrays)]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ColliculusError(f"the column {twice[0]!r} is named twice: it is sounds, pictures or arrays")
        for column in self.arrays:
            _array(column)

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Sounds, pictures and arrays."""
        stored: dict[str, Storage] = dict.fromkeys(self.sounds, self.audio)
        stored |= dict.fromkeys(self.pictures, self.visual)
        return stored | {column.partition(":")[0]: _array(column) for column in self.arrays}

    def sources(self, raw: Path) -> list[Source]:
        """The rows, in their order.

        Raises:
            ColliculusError: the table cannot be read, or has a column of which it is not known how to store it.
        """
        if raw.is_dir():
            raise ColliculusError(f"{raw} is a folder: name the manifest itself, one of {', '.join(TABLE_SUFFIXES)}")
        sources = read_manifest(raw)
        if unknown := sorted({m for source in sources for m in source.files} - set(self.storages)):
            raise ColliculusError(
                f"{raw} has a column {unknown[0]!r}: name it in --sounds, --pictures or --arrays, or begin its name "
                "with # and it is passed over"
            )
        return sources


def _array(column: str) -> StoredArray:
    """The storage of "NAME:CxHxW"."""
    name, _, shape = column.partition(":")
    try:
        return StoredArray(shape=tuple(int(length) for length in shape.split("x")))
    except ValueError as error:
        raise ColliculusError(
            f"the array {column!r} has no shape: write {name or 'NAME'}:CxHxW, or {name or 'NAME'}:TxCxHxW"
        ) from error
