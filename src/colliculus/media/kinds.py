"""Kinds of sound, image and video files: the one list that every command uses, and the kind by content."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Track = Literal["audio", "video"]
"""Part of a media file: its sound, or its images."""
MediaKind = Literal["sound", "image", "container"]
"""Made for sound alone; for images alone, still or animated; or a container, which may hold sound, images or both."""


def _suffixes(text: str) -> frozenset[str]:
    return frozenset(text.split())


AUDIO_SUFFIXES = _suffixes(
    """
    .wav .flac .mp3 .ogg .oga .opus .m4a .m4b .m4r .aac .aif .aiff .aifc .au .snd .amr .awb .wma .mka .caf .ac3
    .eac3 .mp2 .mpga .spx .w64 .rf64 .weba .3ga .wv .tta .ape .adts .voc .dts .gsm
    """
)
VIDEO_SUFFIXES = _suffixes(
    """
    .mp4 .mkv .avi .flv .webm .mov .m4v .mpg .mpeg .wmv .gif .3gp .3g2 .mts .m2ts .m2t .ts .vob .ogv .ogm .asf .f4v
    .mxf .qt .divx .dv .mjpeg .mjpg .mp4v .mpv .m2v .nut
    """
)
IMAGE_SUFFIXES = _suffixes(
    """
    .png .jpg .jpeg .jpe .jfif .bmp .dib .webp .tif .tiff .apng .avif .heic .heif .hif .jp2 .j2k .ppm .pgm .pbm .pnm
    """
)

_MAGIC: tuple[tuple[int, bytes, MediaKind], ...] = (
    (8, b"WAVE", "sound"),
    (8, b"WEBP", "image"),
    (8, b"AVI ", "container"),
    (0, b"fLaC", "sound"),
    (0, b"ID3", "sound"),
    (0, b"#!AMR", "sound"),
    (8, b"AIF", "sound"),
    (0, b".snd", "sound"),
    (0, b"OggS", "container"),
    (4, b"ftypheic", "image"),
    (4, b"ftypmif1", "image"),
    (4, b"ftypavif", "image"),
    (4, b"ftyp", "container"),
    (0, b"\x1aE\xdf\xa3", "container"),
    (0, b"FLV\x01", "container"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "container"),
    (0, b"\x00\x00\x01\xba", "container"),
    (0, b"GIF8", "container"),
    (0, b"\x89PNG\r\n", "image"),
    (0, b"\xff\xd8\xff", "image"),
    (0, b"II*\x00", "image"),
    (0, b"MM\x00*", "image"),
)


def kind_of(path: Path) -> MediaKind | None:
    """Kind of a file by its ending, or by its first bytes where the ending says nothing; None: it is another file.

    Example:
        >>> kind_of(Path("CLIP.MTS")), kind_of(Path("a.heic")), kind_of(Path("notes.txt"))
        ('container', 'image', None)
    """
    suffix = path.suffix.lower()
    if suffix in AUDIO_SUFFIXES:
        return "sound"
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "container" if suffix in VIDEO_SUFFIXES else _kind_by_content(path)


def _kind_by_content(path: Path) -> MediaKind | None:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return None
    return next((kind for at, magic, kind in _MAGIC if head[at : at + len(magic)] == magic), None)
