"""Kinetics-Sounds: ten-second clips of the audio-visual classes of Kinetics (usually 31)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.raw_tree import files_by_stem, found_samples, listed_splits
from colliculus.corpus.sample import Sample
from colliculus.files.checks import visible
from colliculus.media.kinds import VIDEO_SUFFIXES
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError

_CLIP = re.compile(r"(.{11})_\d{6}_\d{6}")  # video of YouTube, first and last second
_FOLDERS = ("train", "val", "test")
_LENGTH_S = 10.0


@dataclass(frozen=True, kw_only=True)
class KineticsSounds(Recipe):
    """Settings of Kinetics-Sounds.

    RAW has the layout of the usual download programs, `{train,val,test}/<class>/<video>_<start>_<end>.mp4`, or only the
    folders of the classes.

    The classes are the folders present. The protocol `group-disjoint` keeps the clips of one video together (`group`).
    The papers do not say which clips they trained and tested on, and many have left YouTube since: the protocol `paper`
    uses `split_list`, or else the folders (if none is called `test`, `val` is the test part).

    The default storage is four frames spread over the clip, and the spectrograms of the same moments.
    """

    name: ClassVar[str] = "kinetics-sounds"

    audio: Sound = field(default_factory=lambda: Sound(duration_s=_LENGTH_S, spectrogram=Spectrogram(steps=4)))
    """Storage of the sound."""
    visual: Frames = field(default_factory=lambda: Frames(steps=4, duration_s=_LENGTH_S))
    """Storage of the video."""
    split_list: tuple[str, str] | None = None
    """Training list and test list, CSV files of `name,label` without .mp4; paths from RAW or the current folder."""

    def samples(self, raw: Path) -> list[Sample]:
        """Clips by name.

        Raises:
            ColliculusError: `raw` does not have the layout above, two clips have one name, or a list does not match.
        """
        clips: dict[str, tuple[str, str, str | None]] = {}  # class, file, split of the folder
        for split, folder in _class_folders(raw):
            for name, file in files_by_stem(folder, raw, VIDEO_SUFFIXES).items():
                if name in clips:
                    raise ColliculusError(f"{raw / file} has the same name as {raw / clips[name][1]}: keep one of them")
                clips[name] = (folder.name, file, split)
        splits = {name: split for name, (_, _, split) in clips.items() if split}
        if self.split_list is not None:
            splits = listed_splits(raw, self.split_list, {name: label for name, (label, _, _) in clips.items()})
        found = (
            Sample(
                name=name,
                label=label,
                files={"audio": file, "visual": file},
                split=splits.get(name),
                group=match[1] if (match := _CLIP.fullmatch(name)) else name,
            )
            for name, (label, file, _) in clips.items()
        )
        return found_samples(raw, found, "clips named like train/tap dancing/-0abcdEFGhi_000010_000020.mp4")


def _class_folders(raw: Path) -> Iterator[tuple[str | None, Path]]:
    """Folder of each class, with the split of the folder above it."""
    top = [entry for entry in visible(raw, raw) if entry.is_dir()]
    parts = {entry.name: entry for entry in top if entry.name in _FOLDERS}
    if not parts:
        yield from ((None, entry) for entry in top)
    for name, part in parts.items():
        split = ("validation" if "test" in parts else "test") if name == "val" else name
        yield from ((split, folder) for folder in visible(part, raw) if folder.is_dir())
