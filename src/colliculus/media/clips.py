"""Which audio, image and video files belong to one clip."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from colliculus.media.apart import apart
from colliculus.media.container import tracks
from colliculus.media.kinds import AUDIO_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, MediaKind, Track, kind_of
from colliculus.types import ColliculusError

Look = Callable[[Path], Set[Track]]
"""Finds the tracks of a file."""

OWN_KINDS: Mapping[Track, MediaKind] = {"audio": "sound", "video": "image"}
"""Kinds of the files made for one track alone."""


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
        own = {"audio": AUDIO_SUFFIXES, "video": IMAGE_SUFFIXES}
        return frozenset().union(*(own[track] | VIDEO_SUFFIXES for track in self.wanted))

    def knows(self, path: Path) -> bool:
        """True if `path` may hold what is wanted, by its suffix, or by its first bytes where its suffix is unknown."""
        kind = kind_of(path)
        return (kind == "container" and bool(self.wanted)) or any(kind == OWN_KINDS[track] for track in self.wanted)

    def group(self, files: Sequence[Path], look: Look | None = None) -> dict[str, Clip]:
        """Group files: those of one stem in one folder are one clip, at most one sound and one image or video.

        A sound and an image of one stem from two folders are one clip where one of the folders holds sounds alone and
        the other images alone (sounds/7.wav, images/7.jpg). Clips that share a stem are named by their paths. Stems are
        compared in Unicode's form NFC: other systems write é as two characters. Where two files would both be the sound
        or both the image, their contents decide what they are.

        Args:
            files: the files.
            look: tracks of a file; None: `content_of`.

        Raises:
            ColliculusError: a file is of unknown kind, or a folder holds two sounds or two images of one stem.
        """
        members: dict[Path, list[Path]] = {}  # by path without suffix
        for file in dict.fromkeys(files):
            if not self.knows(file):
                raise ColliculusError(f"{file} has an unknown ending: use {', '.join(sorted(self.suffixes))}")
            members.setdefault(Path(nfc(str(file.with_suffix("")))), []).append(file)
        return _named({place: _parts(own, look or content_of) for place, own in members.items()})


def content_of(path: Path) -> Set[Track]:
    """Tracks of a file, found in another process; none if it cannot be read, which its reader will report."""
    try:
        return apart(str(path), tracks, path)
    except ColliculusError:
        return frozenset()


def nfc(text: str) -> str:
    """Text in Unicode's form NFC.

    Example:
        >>> len("e\u0301"), len(nfc("e\u0301"))
        (2, 1)
    """
    return unicodedata.normalize("NFC", text)


def file_with(files: Iterable[Path], track: Track) -> Path | None:
    """File of a clip that holds a track: the one made for it alone, else the video that contains it, else None.

    Raises:
        ColliculusError: a video is damaged.
    """
    ordered = sorted(files, key=lambda file: kind_of(file) != OWN_KINDS[track])
    return next((f for f in ordered if _holds(f, track)), None)


def _holds(file: Path, track: Track) -> bool:
    kind = kind_of(file)
    return kind == OWN_KINDS[track] or (kind == "container" and track in tracks(file))


def _parts(files: Sequence[Path], look: Look) -> dict[bool, Path]:
    """The sound file (True) and the image or video (False) of a clip."""
    parts = {kind_of(file) == "sound": file for file in files}
    if len(parts) == len(files):
        return parts
    parts = {}
    for file in files:
        found = look(file) if kind_of(file) != "image" else frozenset[Track]()
        is_sound = found == {"audio"} if found else kind_of(file) == "sound"
        if (rival := parts.setdefault(is_sound, file)) != file:
            raise ColliculusError(f"{rival} and {file} would both be part of the clip {file.stem!r}: keep one")
    return parts


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
