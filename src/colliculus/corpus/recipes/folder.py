"""Recipe of your own clips in one folder per class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from colliculus.corpus.class_folders import LabelledClip, find_clips, unknown_endings
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.sample import Sample
from colliculus.media.clips import OWN_SUFFIXES, MediaFiles
from colliculus.media.container import VIDEO_SUFFIXES, Track
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class FolderRecipe:
    """Settings of your own clips in one folder per class.

    RAW holds `{train,test[,validation]}/<class>/<clip>` or `<class>/<clip>`. A clip is a video, or a sound file and an
    image or video of the same stem. A clip of a single sound file or image lacks the other modality; a video must have
    both sound and images (see --incomplete).

    Raises:
        ColliculusError: `modalities` is empty.
    """

    name: ClassVar[str] = "folder"

    modalities: tuple[Literal["audio", "visual"], ...] = ("audio", "visual")
    """Modalities to read from the clips."""
    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """Storage of the sound; the whole sample unless `duration_s` is set, as for images."""
    visual: Frames = field(default_factory=Frames)
    """Storage of images and videos."""

    def __post_init__(self) -> None:
        if not self.modalities:
            raise ColliculusError("`modalities` is empty: choose audio, visual, or both")

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Storages of the chosen modalities."""
        known: dict[str, Storage] = {"audio": self.audio, "visual": self.visual}
        return {m: storage for m, storage in known.items() if m in self.modalities}

    def samples(self, raw: Path) -> list[Sample]:
        """Clips by split, class and name.

        Raises:
            ColliculusError: `raw` does not have the layout above.
        """
        if not raw.is_dir():
            raise ColliculusError(f"{raw} is not a folder: pass the folder that holds a folder for each class")
        return [self._sample(clip, raw) for clip in find_clips(raw, self._media)]

    def skipped(self, raw: Path) -> Mapping[str, int]:
        """Number of files in the class folders of other kinds, by ending."""
        return unknown_endings(raw, self._media)

    @property
    def _media(self) -> MediaFiles:
        tracks: Mapping[str, Track] = {"audio": "audio", "visual": "video"}
        return MediaFiles(tuple(tracks[m] for m in self.storages))

    def _sample(self, clip: LabelledClip, raw: Path) -> Sample:
        kinds = {"audio": (OWN_SUFFIXES["audio"], VIDEO_SUFFIXES), "visual": (OWN_SUFFIXES["video"], VIDEO_SUFFIXES)}
        paths = clip.clip.files
        found = {
            m: next((path for suffixes in kinds[m] for path in paths if path.suffix.lower() in suffixes), None)
            for m in self.storages
        }
        return Sample(
            name=paths[0].relative_to(raw).with_suffix("").as_posix(),
            label=clip.class_name,
            files={m: path.relative_to(raw).as_posix() for m, path in found.items() if path},
            split=clip.split,
        )
