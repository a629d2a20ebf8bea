"""Pictures and sounds of clips within a page, as data URLs: small, and decoded in another process."""

from __future__ import annotations

import io
import wave
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colliculus.media.apart import apart
from colliculus.media.clips import file_with
from colliculus.media.pictures import read_pictures
from colliculus.media.sound import read_sound
from colliculus.media.window import Window
from colliculus.types import ColliculusError

SIDE = 160
"""Longer side of a picture in pixels."""
RATE_HZ, SECONDS = 8000, 2.0
"""Sample rate and length of a sound: 32 kB."""


@dataclass(frozen=True)
class EmbeddedClip:
    """A clip as a page shows it.

    Args:
        title: line above it.
        lines: lines below it.
        picture: data URL of a JPEG of its middle frame; empty: it has no images, or they cannot be read.
        sound: data URL of the first `SECONDS` of its sound as WAV; empty likewise.
    """

    title: str
    lines: tuple[str, ...]
    picture: str
    sound: str

    @property
    def num_bytes(self) -> int:
        """Characters that picture and sound take on the page."""
        return len(self.picture) + len(self.sound)


def embedded(title: str, lines: Iterable[str], files: Iterable[Path], window: Window | None = None) -> EmbeddedClip:
    """A clip with what its files show and sound like.

    Args:
        title, lines: as in `EmbeddedClip`.
        files: its sounds, images and videos; others are passed over.
        window: time span of the clip in them; None: the whole files.
    """
    own = [file for file in files if file.is_file()]
    span = Window() if window is None else window
    return EmbeddedClip(title, tuple(lines), _url(_jpeg, "image/jpeg", own, span), _url(_wav, "audio/wav", own, span))


def _url(make: Callable[[list[Path], Window], bytes], kind: str, files: list[Path], window: Window) -> str:
    try:
        content = apart(", ".join(map(str, files)), make, files, window)
    except ColliculusError:
        return ""
    return f"data:{kind};base64,{b64encode(content).decode()}" if content else ""


def _jpeg(files: list[Path], window: Window) -> bytes:
    from PIL import Image

    if (file := file_with(files, "video")) is None:
        return b""
    image = Image.fromarray(read_pictures(file, window, count=1, rate_hz=None)[0])
    image.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    image.save(written, format="JPEG", quality=80)
    return written.getvalue()


def _wav(files: list[Path], window: Window) -> bytes:
    if (file := file_with(files, "audio")) is None:
        return b""
    sound = read_sound(file, Window(window.start_s, window.end_s, SECONDS), RATE_HZ)[: round(SECONDS * RATE_HZ)]
    written = io.BytesIO()
    with wave.open(written, "wb") as player:
        player.setnchannels(1)
        player.setsampwidth(2)
        player.setframerate(RATE_HZ)
        player.writeframes(np.rint(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return written.getvalue()
