"""Recipe of your own clips in one folder per class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.sample import Sample
from colliculus.corpus.storage_reader import StorageReader
from colliculus.files.checks import split_folders, visible
from colliculus.media.clips import OWN_KINDS, Look, MediaFiles, content_of, nfc
from colliculus.media.event_formats import EVENT_SUFFIXES, is_event_file, states_events
from colliculus.media.kinds import MediaKind, Track, kind_of
from colliculus.types import ColliculusError, refuse_unread

_TRACKS: Mapping[str, Track] = {"audio": "audio", "visual": "video"}


@dataclass(frozen=True, kw_only=True)
class FolderRecipe(Recipe):
    """Settings of your own clips in one folder per class.

    RAW holds `{train,test[,validation]}/<class>/<clip>` or `<class>/<clip>`. A clip is a video, or a sound file and an
    image or video of the same stem. A clip of a single sound file or image lacks the other modality, and so does a
    video file with sound alone; a video with images must have sound, too (see --incomplete). With `events` among the
    modalities, a recording of an event camera is part of the clip of its stem; its first bytes decide the format.
    Hidden files are skipped, and so are files of other kinds, which are counted.

    Raises:
        ColliculusError: `modalities` is empty.
    """

    name: ClassVar[str] = "folder"

    modalities: tuple[Literal["audio", "visual", "events"], ...] = ("audio", "visual")
    """Modalities to read from the clips."""
    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """Storage of the sound; the whole sample unless `duration_s` is set, as for images."""
    visual: Frames = field(default_factory=Frames)
    """Storage of images and videos."""
    video_frames: int = 4
    """Frames of each clip where `visual.steps` is not set and a clip is a video: as many as most presets have time
    steps. 0: the middle frame of each video, which does not move."""
    events: EventFrames = field(default_factory=EventFrames)
    """Storage of recordings of event cameras, as frames of counts."""

    def __post_init__(self) -> None:
        if not self.modalities:
            raise ColliculusError("`modalities` is empty: choose audio, visual, events, or several of them")
        if self.video_frames < 0:
            raise ColliculusError(
                f"`video_frames` is {self.video_frames}: choose at least 1, or 0 for the middle frame"
            )
        if self.visual.steps is not None:
            refuse_unread(self, ["video_frames"], "with `visual.steps`")

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Storages of the chosen modalities."""
        stored: dict[str, Storage] = {**super().storages, "events": self.events}
        return {m: storage for m, storage in stored.items() if m in self.modalities}

    def storages_for(self, samples: Sequence[Sample]) -> Mapping[str, Storage]:
        """The same; where a clip is a video, `video_frames` of each clip, unless `visual.steps` is set."""
        shown = (Path(sample.files["visual"]) for sample in samples if "visual" in sample.files)
        if any(kind_of(file) == "container" for file in shown):
            return self.storages_of(self.video_frames or None)
        return self.storages

    def storages_of(self, steps: int | None) -> Mapping[str, Storage]:
        """The same for clips that are stored with so many frames, unless `visual.steps` is set; None: one image."""
        if "visual" not in self.storages or self.visual.steps is not None:
            return self.storages
        return {**self.storages, "visual": replace(self.visual, steps=steps)}

    def samples(self, raw: Path) -> list[Sample]:
        """Clips by split, class and name; video files are opened to see whether they hold sound alone.

        Raises:
            ColliculusError: `raw` does not have the layout above: train or test is missing, there are fewer than two
                classes, a class is empty or not in train, a class holds a folder, or a link leads out of `raw`.
        """
        return self._samples(raw, content_of)

    def listed(self, raw: Path) -> list[Sample]:
        """Clips as `samples`, by the endings of their files alone.

        Raises:
            ColliculusError: as `samples`.
        """
        return self._samples(raw, _unseen)

    def _samples(self, raw: Path, look: Look) -> list[Sample]:
        if not raw.is_dir():
            raise ColliculusError(f"{raw} is not a folder: pass the folder that holds a folder for each class")
        if not {"train", "test"} & {folder.name for folder in _folders(raw, raw)}:
            return self._of_classes(raw, raw, None, look)
        folders = split_folders(raw).items()
        found = [s for split, folder in folders for s in self._of_classes(folder, raw, split, look)]
        trained = {sample.label for sample in found if sample.split == "train"}
        for sample in found:
            if sample.label not in trained:
                folder = raw / str(sample.split) / sample.label
                raise ColliculusError(f"{folder} has no clips in train: add some there")
        return found

    def skipped(self, raw: Path) -> Mapping[str, tuple[str, ...]]:
        """Files of other kinds in the class folders by ending, the most frequent first."""
        classes = _folders(raw, raw)
        if {"train", "test"} & {folder.name for folder in classes}:
            classes = [entry for folder in classes for entry in _folders(folder, raw)]
        files = [entry for folder in classes for entry in visible(folder, raw) if not entry.is_dir()]
        found = defaultdict[str, list[str]](list)
        for file in files:
            if not self._knows(file):
                found[file.suffix.lower() or "no ending"].append(file.relative_to(raw).as_posix())
        return {ending: tuple(own) for ending, own in sorted(found.items(), key=lambda one: -len(one[1]))}

    @property
    def _media(self) -> MediaFiles:
        return MediaFiles(tuple(track for m, track in _TRACKS.items() if m in self.modalities))

    def _knows(self, file: Path) -> bool:
        return self._media.knows(file) or self._is_recording(file)

    def _is_recording(self, file: Path) -> bool:
        return "events" in self.modalities and not self._media.knows(file) and is_event_file(file)

    def _of_classes(self, parent: Path, raw: Path, split: str | None, look: Look) -> list[Sample]:
        classes = _folders(parent, raw)
        if not classes or (len(classes) < 2 and split in (None, "train")):
            raise ColliculusError(f"{parent} has {len(classes)} class folder(s): make one for each class, at least two")
        clips = [(c.name, files) for c in classes for files in self._clips(c, raw)]
        return [self._sample(files, raw, label, split, look) for label, files in clips]

    def _clips(self, folder: Path, raw: Path) -> list[tuple[Path, ...]]:
        entries = visible(folder, raw)
        if nested := [entry for entry in entries if entry.is_dir()]:
            raise ColliculusError(f"{nested[0]} is a folder inside a class: move its clips directly into {folder}")
        clips = StorageReader(self.storages).group([entry for entry in entries if self._knows(entry)])
        if not clips and any(states_events(entry) for entry in entries):
            raise ColliculusError(f"{folder} holds recordings of events alone: add events to `modalities`")
        if not clips:
            known = ", ".join(sorted(self._media.suffixes | (EVENT_SUFFIXES if "events" in self.modalities else set())))
            raise ColliculusError(f"{folder} has no clips: put files into it ({known}) or remove it")
        return [clip.files for clip in clips.values()]

    def _sample(self, files: tuple[Path, ...], raw: Path, label: str, split: str | None, look: Look) -> Sample:
        kinds: dict[Path, MediaKind | None] = {file: kind_of(file) for file in files}
        if "audio" in self.storages:
            kinds |= {f: "sound" for f, kind in kinds.items() if kind == "container" and look(f) == {"audio"}}
        found: dict[str, str] = {}
        for modality in self.storages:
            if fitting := self._fitting(modality, kinds):
                found[modality] = fitting[0].relative_to(raw).as_posix()
        name = nfc(files[0].relative_to(raw).with_suffix("").as_posix())
        return Sample(name=name, label=label, files=found, split=split)

    def _fitting(self, modality: str, kinds: Mapping[Path, MediaKind | None]) -> list[Path]:
        """Files of a clip that hold a modality; one made for it alone comes first."""
        if modality == "events":
            recordings = [file for file in kinds if self._is_recording(file)]
            if len(recordings) > 1:
                raise ColliculusError(
                    f"{recordings[0]} and {recordings[1]} would both be the events of one clip: keep one of them"
                )
            return recordings
        wanted = (OWN_KINDS[_TRACKS[modality]], "container")
        return [file for kind in wanted for file, own in kinds.items() if own == kind]


def _unseen(_path: Path) -> frozenset[Track]:
    return frozenset()


def _folders(folder: Path, raw: Path) -> list[Path]:
    return [entry for entry in visible(folder, raw) if entry.is_dir()]
