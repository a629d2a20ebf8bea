"""Kinetics-Sounds: ten-second clips of those classes of Kinetics that are heard as well as seen (31 are usual)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.recipes.raw_tree import files_by_stem, found_sources, listed_splits
from colliculus.corpus.source import Source
from colliculus.files.checks import visible
from colliculus.media.container import VIDEO_SUFFIXES
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError

_CLIP = re.compile(r"(.{11})_\d{6}_\d{6}")  # video of YouTube, first and last second
_FOLDERS = ("train", "val", "test")
_LENGTH_S = 10.0


@dataclass(frozen=True, kw_only=True)
class KineticsSounds:
    """Settings of Kinetics-Sounds.

    RAW is what the usual programs download, `{train,val,test}/<class>/<video>_<start>_<end>.mp4`, or the folders of the
    classes alone.

    The classes are the folders that are there. The honest protocol keeps the clips of one video together (`group`).
    Which clips the papers trained and tested on they do not say, and many have left YouTube since: the protocol "paper"
    is `split_list`, or else the folders (where there is none called `test`, the test is `val`).

    Stored by default are four frames spread over the clip, and the spectrograms of the same moments.
    """

    name: ClassVar[str] = "kinetics-sounds"

    audio: Sound = field(default_factory=lambda: Sound(duration_s=_LENGTH_S, spectrogram=Spectrogram(steps=4)))
    """How sound is stored."""
    visual: Frames = field(default_factory=lambda: Frames(steps=4, duration_s=_LENGTH_S))
    """How the video is stored."""
    split_list: tuple[str, str] | None = None
    """A training and a test list, CSV files of `name,label`, names without .mp4; paths, from RAW or from here."""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Audio and visual."""
        return {"audio": self.audio, "visual": self.visual}

    def sources(self, raw: Path) -> list[Source]:
        """The clips by name.

        Raises:
            ColliculusError: `raw` is not laid out as above, two clips have one name, or a list does not fit.
        """
        clips: dict[str, tuple[str, str, str | None]] = {}  # class, file, split of the folder
        for split, folder in _class_folders(raw):
            for name, file in files_by_stem(folder, raw, VIDEO_SUFFIXES).items():
                if name in clips:
                    raise ColliculusError(f"{raw / file} has the name of {raw / clips[name][1]}: keep one of them")
                clips[name] = (folder.name, file, split)
        splits = {name: split for name, (_, _, split) in clips.items() if split}
        if self.split_list is not None:
            splits = listed_splits(raw, self.split_list, {name: label for name, (label, _, _) in clips.items()})
        found = (
            Source(
                name=name,
                label=label,
                files={"audio": file, "visual": file},
                split=splits.get(name),
                group=match[1] if (match := _CLIP.fullmatch(name)) else name,
            )
            for name, (label, file, _) in clips.items()
        )
        return found_sources(raw, found, "clips named like train/tap dancing/-0abcdEFGhi_000010_000020.mp4")


def _class_folders(raw: Path) -> Iterator[tuple[str | None, Path]]:
    """The folder of each class, with the split of the folder that it lies in."""
    top = [entry for entry in visible(raw, raw) if entry.is_dir()]
    parts = {entry.name: entry for entry in top if entry.name in _FOLDERS}
    if not parts:
        yield from ((None, entry) for entry in top)
    for name, part in parts.items():
        split = ("validation" if "test" in parts else "test") if name == "val" else name
        yield from ((split, folder) for folder in visible(part, raw) if folder.is_dir())
