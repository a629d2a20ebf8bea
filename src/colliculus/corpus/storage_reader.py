"""The one reader of clips: files of one sample to arrays, by time stamps, with the settings of a preparation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.prepared_folder import described
from colliculus.corpus.prepare.storage import Sound, Storage
from colliculus.corpus.sample import Sample
from colliculus.media.clips import Clip, MediaFiles, file_with, nfc
from colliculus.media.event_formats import is_event_file
from colliculus.media.kinds import kind_of
from colliculus.media.without_torch import without_torch
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class StorageReader:
    """A `ClipReader` that reads clips as `colliculus prepare` does, for training and prediction alike.

    Sound, image and video files are grouped as in `MediaFiles`. A recording of events (.aedat), an array (.npy, .npz)
    or a series (.mat, .csv) belongs to the clip of its stem; `<clip>.<modality>.npy` and `<clip>_<modality>.npy`
    distinguish several of one clip.

    Args:
        storages: storage of each modality to read.
        arithmetic: "torch" gives the numbers of a training; "numpy" starts faster, and differs in the last digits.

    Example:
        >>> from colliculus.corpus.prepare.storage import Frames
        >>> from colliculus.corpus.prepare.stored_array import StoredArray
        >>> reader = StorageReader({"visual": Frames(), "lidar": StoredArray(shape=(1, 8, 8))})
        >>> reader.group([Path("walk.mp4"), Path("walk.lidar.npy")])["walk"].files
        (PosixPath('walk.mp4'), PosixPath('walk.lidar.npy'))
    """

    storages: Mapping[str, Storage]
    arithmetic: Literal["torch", "numpy"] = "torch"

    @classmethod
    def of(cls, stored: Mapping[str, Any], arithmetic: Literal["torch", "numpy"] = "torch") -> StorageReader:
        """The reader that `Dataset.stored` of prepared data describes.

        Raises:
            ColliculusError: the description is damaged.
        """
        try:
            return cls(described(dict(stored)), arithmetic)
        except KeyError as error:
            raise ColliculusError(f"the stored settings lack {error}, or it is unknown: train again") from error

    def knows(self, path: Path) -> bool:
        """True if `path` is of a kind that can hold a wanted modality, by its suffix or, if unknown, its content."""
        storages = self.storages.values()
        return self._media.knows(path) or any(path.suffix.lower() in storage.suffixes for storage in storages)

    def group(self, files: Sequence[Path]) -> dict[str, Clip]:
        """Clips of `files` by name.

        Raises:
            ColliculusError: a file is of an unknown kind, or two files would be the same modality of a clip.
        """
        media = self._media
        others = [file for file in dict.fromkeys(files) if not media.knows(file)]
        clips = media.group([file for file in files if media.knows(file)])
        for file in others:
            if not self.knows(file):
                known = ", ".join(sorted({suffix for storage in self.storages.values() for suffix in storage.suffixes}))
                raise ColliculusError(f"{file} has an unknown ending: use {known}")
            modality = self._named(file)
            name = nfc(file.stem[: -len(modality) - 1] if modality else file.stem)
            clips[name] = Clip((*(clips[name].files if name in clips else ()), file))
        return clips

    def read(
        self, clip: Clip, start_s: float | None = None, end_s: float | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Arrays of one clip, not standardised; modalities that it lacks are left out.

        Args:
            clip: the clip.
            start_s: start of the part to read in seconds; None is the beginning. A still image is the same everywhere.
            end_s: end of the part; None is the end.

        Raises:
            ColliculusError: a file is damaged, or the clip has none of the modalities.
        """
        arrays: dict[str, NDArray[np.float32]] = {}
        for modality, storage in self.storages.items():
            if (file := self._file(modality, storage, clip.files)) is not None:
                begin_s, stop_s = (None, None) if kind_of(file) == "image" else (start_s, end_s)
                files = {modality: str(file)}
                sample = Sample(name=file.stem, label="unknown", files=files, start_s=begin_s, end_s=stop_s)
                arrays[modality] = self._array(storage, file, sample)
        if not arrays:
            raise ColliculusError(
                f"{clip.files[0]} has none of the modalities {', '.join(self.storages)}: add a file of one"
            )
        return arrays

    def _array(self, storage: Storage, file: Path, sample: Sample) -> NDArray[np.float32]:
        with without_torch() if self.arithmetic == "numpy" else nullcontext():
            stored = storage.read(file, sample)
            if isinstance(storage, Sound) and storage.kind == "waveform":
                stored = storage.spectrograms(stored[None])[0]
            return stored.astype(np.float32)

    @property
    def _media(self) -> MediaFiles:
        return MediaFiles(tuple({storage.track for storage in self.storages.values() if storage.track}))

    def _named(self, file: Path) -> str:
        """Modality at the end of the name of a file, after a dot or an underscore; "" if there is none."""
        found = (m for m in self.storages if file.stem[1:].endswith((f".{m}", f"_{m}")))
        return max(found, key=len, default="")

    def _file(self, modality: str, storage: Storage, files: Sequence[Path]) -> Path | None:
        """File of a clip that holds a modality."""
        if storage.track:
            return file_with(files, storage.track)
        fitting = [file for file in files if file.suffix.lower() in storage.suffixes]
        if isinstance(storage, EventFrames):  # arrays and text of other modalities have the same suffixes
            fitting = [file for file in fitting if is_event_file(file)]
        own = [file for file in fitting if self._named(file) in (modality, "")]
        if len(own) > 1:
            raise ColliculusError(f"{own[0]} and {own[1]} would both be {modality!r} of one clip: keep one of them")
        return own[0] if own else None
