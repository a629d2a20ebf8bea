"""Which audio, image and video files belong to one clip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from colliculus.media.container import AUDIO_SUFFIXES, VIDEO_SUFFIXES, Track, tracks
from colliculus.media.images import IMAGE_SUFFIXES
from colliculus.types import ColliculusError

OWN_SUFFIXES: Mapping[Track, frozenset[str]] = {"audio": AUDIO_SUFFIXES, "video": IMAGE_SUFFIXES}
"""Suffixes of the files made for one modality alone: sound files for "audio", still images for "video"."""


@dataclass(frozen=True)
class Clip:
    """Files of one sample.

    Args:
        files: the files.
        row: row of the sample, where the files hold many samples; None where they hold this one alone.
    """

    files: tuple[Path, ...]
    row: int | None = None


@dataclass(frozen=True)
class MediaFiles:
    """Grouping of audio, image and video files into clips.

    Args:
        wanted: "audio", "video" (images or the frames of videos), or both.

    Example:
        >>> media = MediaFiles(("audio", "video"))
        >>> sorted(media.group([Path("cat.wav"), Path("cat.png"), Path("dog.mp4")]))
        ['cat', 'dog']
    """

    wanted: tuple[Track, ...]

    @property
    def suffixes(self) -> frozenset[str]:
        """Suffixes of the files that may hold what is wanted."""
        return frozenset().union(*(OWN_SUFFIXES[track] | VIDEO_SUFFIXES for track in self.wanted))

    def knows(self, path: Path) -> bool:
        """True if `path` may hold what is wanted, by its suffix."""
        return _suffix(path) in self.suffixes

    def group(self, files: Sequence[Path]) -> dict[str, Clip]:
        """Group files: those of one stem in one folder are one clip, at most one sound and one image or video.

        A sound and an image of one stem from two folders are one clip where one of the folders holds sounds alone and
        the other images alone (sounds/7.wav, images/7.jpg). Clips that share a stem are named by their paths.

        Raises:
            ColliculusError: a file is of unknown kind, or a folder holds two sounds or two images of one stem.
        """
        members: dict[Path, dict[bool, Path]] = {}  # by path without suffix: sound file (True), image or video (False)
        for file in dict.fromkeys(files):
            if not self.knows(file):
                raise ColliculusError(f"{file} has an unknown ending: use {', '.join(sorted(self.suffixes))}")
            own = members.setdefault(file.with_suffix(""), {})
            if (rival := own.setdefault(_suffix(file) in AUDIO_SUFFIXES, file)) != file:
                raise ColliculusError(f"{rival} and {file} would both be part of the clip {file.stem!r}: keep one")
        return _named(members)


def file_with(files: Iterable[Path], track: Track) -> Path | None:
    """File of a clip that holds a track: the one made for it alone, else the video that contains it, else None.

    Raises:
        ColliculusError: a video is damaged.
    """
    own = OWN_SUFFIXES[track]
    ordered = sorted(files, key=lambda file: _suffix(file) not in own)
    return next(
        (f for f in ordered if _suffix(f) in own or (_suffix(f) in VIDEO_SUFFIXES and track in tracks(f))), None
    )


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _named(members: Mapping[Path, Mapping[bool, Path]]) -> dict[str, Clip]:
    """Clips by name, from the sound and image of each folder and stem."""
    kinds: defaultdict[Path, set[bool]] = defaultdict(set)
    namesakes: defaultdict[str, list[Path]] = defaultdict(list)
    for place, files in members.items():
        kinds[place.parent].update(files)
        namesakes[place.name].append(place)
    clips: dict[str, Clip] = {}
    for stem, places in namesakes.items():
        if len(places) == 1 or [kinds[place.parent] for place in places] in ([{True}, {False}], [{False}, {True}]):
            clips[stem] = Clip(tuple(file for place in places for file in members[place].values()))
        else:
            clips |= {str(place): Clip(tuple(members[place].values())) for place in places}
    return clips
