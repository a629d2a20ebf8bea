"""One clip of sound and picture, in one file or in several of the same stem: which files it is, and its arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.media.delta import SpectralDelta
from colliculus.media.luma import LUMA as _LUMA
from colliculus.media.reading import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    read_audio,
    read_frames,
    read_image,
    tracks,
)
from colliculus.media.resize import resize
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class Clip:
    """Where one sample lies.

    Args:
        files: what belongs to it.
        row: its row, where the files hold many samples; None where they hold this one alone.
    """

    files: tuple[Path, ...]
    row: int | None = None


@dataclass(frozen=True, kw_only=True)
class VisualSettings:
    """How a picture, or the pictures of a video, become an input.

    Raises:
        ColliculusError: a setting is not positive, or `channels` is neither 1 nor 3.
    """

    size: tuple[int, int] = (64, 64)
    """Height and width that pictures are stretched to."""
    channels: Literal[1, 3] = 3
    """3: red, green, blue; 1: their brightness."""
    steps: int | None = None
    """None: one picture, of a video the middle one; else a sequence of so many, evenly spaced over the clip."""

    def __post_init__(self) -> None:
        if min(*self.size, self.steps or 1) < 1 or self.steps == 0 or self.channels not in (1, 3):
            raise ColliculusError("`size` and `steps` of the pictures must be at least 1, and `channels` 1 or 3")

    def __call__(self, path: Path) -> NDArray[np.float32]:
        """The input made of an image (which stands still, if a sequence is wanted) or of a video.

        Returns:
            (channels, H, W), or (steps, channels, H, W) when `steps` is set: whole grey levels 0..255, so that a data
            set can keep them as bytes; not standardised.

        Raises:
            ColliculusError: as `read_image` and `read_frames`.
        """
        count = self.steps or 1
        frames = read_image(path)[None] if _suffix(path) in IMAGE_SUFFIXES else read_frames(path, count)
        pictures = np.stack([picture(frame, self.size, self.channels) for frame in frames])
        return pictures[0] if self.steps is None else np.repeat(pictures, count // len(pictures), axis=0)


def picture(frame: NDArray[np.uint8], size: tuple[int, int], channels: Literal[1, 3]) -> NDArray[np.float32]:
    """A picture (H, W, 3), stretched to `size`, in colour or as brightness: (channels, *size), whole levels 0..255.

    Example:
        >>> picture(np.full((4, 6, 3), 7, dtype=np.uint8), (1, 2), 1).tolist()
        [[[7.0, 7.0]]]
    """
    resized = resize(frame.transpose(2, 0, 1), size)
    levels = resized if channels == 3 else np.tensordot(_LUMA, resized, axes=1)[None]
    return np.clip(np.rint(levels), 0, 255)


@dataclass(frozen=True)
class MediaReader:
    """A `ClipReader` of sound and picture files.

    Args:
        audio: how sound becomes the modality "audio"; None: sound is not wanted.
        visual: how pictures become the modality "visual"; None: they are not wanted.
        delta: how the same sound becomes the modality "delta"; None: its change is not wanted.

    Example:
        >>> reader = MediaReader(audio=Spectrogram(), visual=VisualSettings())
        >>> sorted(reader.group([Path("cat.wav"), Path("cat.png"), Path("dog.mp4")]))
        ['cat', 'dog']
    """

    audio: Spectrogram | None
    visual: VisualSettings | None
    delta: SpectralDelta | None = None

    @property
    def suffixes(self) -> frozenset[str]:
        """The kinds of file that can hold what is wanted."""
        audio = AUDIO_SUFFIXES | VIDEO_SUFFIXES if self._heard else frozenset[str]()
        visual = IMAGE_SUFFIXES | VIDEO_SUFFIXES if self.visual else frozenset[str]()
        return audio | visual

    def knows(self, path: Path) -> bool:
        """Whether `path` is, by its suffix, of a kind that can hold what is wanted."""
        return _suffix(path) in self.suffixes

    def group(self, files: Sequence[Path]) -> dict[str, Clip]:
        """Files of one stem in one folder are one clip, named by the stem: at most one sound and one image or video.

        A sound and a picture of one stem from two folders are one clip where one of these folders gives sounds alone
        and the other pictures alone (sounds/7.wav, pictures/7.jpg). Clips that share a stem are named by their paths.

        Raises:
            ColliculusError: a file is of unknown kind, or a folder holds two sounds or two pictures of one stem.
        """
        members: dict[Path, dict[bool, Path]] = {}  # by path without suffix: the sound (True) and the picture (False)
        for file in dict.fromkeys(files):
            if not self.knows(file):
                raise ColliculusError(
                    f"{file} is of a kind that is not read here: give {', '.join(sorted(self.suffixes))}"
                )
            own = members.setdefault(file.with_suffix(""), {})
            if (rival := own.setdefault(_suffix(file) in AUDIO_SUFFIXES, file)) != file:
                raise ColliculusError(
                    f"{rival} and {file} would both be part of the clip {file.stem!r}: keep one of them"
                )
        return _named(members)

    def read(self, clip: Clip) -> dict[str, NDArray[np.float32]]:
        """The arrays of one clip; sound comes from its sound file, or else from its video.

        Returns:
            "audio" as `Spectrogram`, "visual" as `VisualSettings` and "delta" as `SpectralDelta` give them, as far as
            they are wanted; what the clip lacks is left out: without sound, both "audio" and "delta".

        Raises:
            ColliculusError: a file is damaged, or the clip holds nothing that is wanted.
        """
        arrays: dict[str, NDArray[np.float32]] = {}
        if self._heard and (sound := file_with(clip.files, AUDIO_SUFFIXES, "audio")):
            arrays |= {m: hear(read_audio(sound, hear.sample_rate_hz)) for m, hear in self._heard.items()}
        if self.visual and (picture := file_with(clip.files, IMAGE_SUFFIXES, "video")):
            arrays["visual"] = self.visual(picture)
        if not arrays:
            wanted = " and no ".join(["sound"] * bool(self._heard) + ["picture"] * (self.visual is not None))
            raise ColliculusError(f"{clip.files[0]} holds no {wanted}: give a file that does")
        return arrays

    @property
    def _heard(self) -> dict[str, Spectrogram | SpectralDelta]:
        """What is made of sound, by modality."""
        made = {"audio": self.audio, "delta": self.delta}
        return {m: transform for m, transform in made.items() if transform}


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _named(members: Mapping[Path, Mapping[bool, Path]]) -> dict[str, Clip]:
    """The clips that `group` tells of, from the sound and picture of each folder and stem."""
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


def file_with(files: Iterable[Path], own: frozenset[str], track: str) -> Path | None:
    """The file of a kind made for the purpose, or else the video that carries the track; None: there is neither.

    Args:
        files: of one clip.
        own: suffixes of the kind made for it, `AUDIO_SUFFIXES` or `IMAGE_SUFFIXES`.
        track: "audio" or "video".

    Raises:
        ColliculusError: a video is damaged.
    """
    ordered = sorted(files, key=lambda file: _suffix(file) not in own)
    return next(
        (f for f in ordered if _suffix(f) in own or (_suffix(f) in VIDEO_SUFFIXES and track in tracks(f))), None
    )
