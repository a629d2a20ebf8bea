"""Settings of clips as version 0.1 read them: runs made with them load, and say how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.augment import Augment
from colliculus.data.dataset import Normalisation
from colliculus.files.documents import from_plain
from colliculus.media.spectrogram import Spectrogram
from colliculus.records.console import remark
from colliculus.types import ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class FormerFolder:
    """Settings of `folder` in version 0.1, which read clips by counting frames; only for runs that exist.

    The model of such a run loads. Its data do not: both the reader and the random test part of that version are gone.
    """

    name: ClassVar[str] = "folder-0.1"

    root: Path | None = None
    """Folder of the clips."""
    audio: Spectrogram = field(default_factory=Spectrogram)
    """How sound became an input."""
    visual: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """How images became an input: size, channels and steps, as in `Frames`."""
    test_fraction: float = 0.2
    """Share of each class that became the test."""
    validation_fraction: float = 0.1
    """Share of each class of the training part that became the validation part."""
    standardise: bool = True
    """Channels were standardised."""
    on_error: str = "stop"
    """Treatment of damaged clips."""
    seed: int = 0
    """Seed of the split."""
    augment: Augment = field(default_factory=Augment)
    """Augmentation of the training samples."""

    def load(self, normalisation: Normalisation | None = None) -> NoReturn:  # noqa: ARG002 - there is nothing to load
        """Refuse.

        Raises:
            ColliculusError: always.
        """
        raise ColliculusError(
            f"this run was trained on clips in {self.root} as version 0.1 read and split them, which is no longer"
            " possible: train again with `colliculus train METHOD-folder --data.root ROOT`"
        )

    def reader(self, spec: DataSpec) -> StorageReader:
        """Reader of clips with the same sizes, by time stamps.

        Raises:
            ColliculusError: the settings are damaged.
        """
        remark(
            "this run was trained on clips as version 0.1 read them, by counting frames; they are read by time stamps"
            " now, which gives other frames of videos: train again for predictions that match the training"
        )
        visual = from_plain(dict(self.visual), Frames)
        storages = {"audio": Sound(spectrogram=self.audio, duration_s=None), "visual": visual}
        return StorageReader({m: s for m, s in storages.items() if m in spec.modalities})
