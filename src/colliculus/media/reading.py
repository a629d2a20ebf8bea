"""Sound, moving and still pictures: from a file to an array of samples, frames or pixels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray
from PIL import Image, ImageOps

from colliculus.files.checks import decoding
from colliculus.types import ColliculusError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac"})
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".flv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".wmv", ".gif"})
RATES_HZ = range(1000, 1_000_001)
"""Sample rates to believe: resampled from what else a damaged header may state, a file takes memory or ages."""


def read_audio(path: Path, sample_rate_hz: int) -> NDArray[np.float32]:
    """The sound of an audio or video file.

    Args:
        path: any file that FFmpeg decodes; its first sound track is read.
        sample_rate_hz: the rate to resample to.

    Returns:
        (samples,), full scale is [-1, 1], the mean of the channels.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, or holds no sound.
    """
    with decoding(path):
        with open_media(path) as container:
            if not container.streams.audio:
                raise ColliculusError(f"{path} holds no sound: give a file with a sound track")
            if (stated := container.streams.audio[0].rate) not in RATES_HZ:
                raise ColliculusError(f"{path} states a sample rate of {stated} Hz: copy or download it again")
            resampler = av.AudioResampler(format="fltp", rate=sample_rate_hz)
            frames = itertools.chain(container.decode(audio=0), [None])  # None: what the resampler still holds
            chunks = [chunk.to_ndarray().mean(axis=0) for frame in frames for chunk in resampler.resample(frame)]
        waveform = np.concatenate([np.zeros(0, np.float32), *chunks])
        if not waveform.size:
            raise ColliculusError(f"{path} holds no sound: its sound track is empty; record or copy it again")
        if not np.isfinite(waveform).all():
            raise ColliculusError(f"{path} holds samples that are not numbers: write the sound again")
        return waveform


def read_frames(path: Path, count: int) -> NDArray[np.uint8]:
    """`count` pictures of a video (or animated gif), taken from the middles of `count` equal parts of it.

    One picture is the middle one; a video with fewer frames gives some of them twice. The file is decoded twice, first
    to count (containers state their length wrongly or not at all), so that a long video never lies in memory.

    Returns:
        (count, H, W, 3), red, green, blue in 0..255.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, or holds no picture.
    """
    with decoding(path):
        total = sum(1 for _ in _pictures(path))
        if not total:
            raise ColliculusError(f"{path} holds no picture: its picture track is empty; record or copy it again")
        wanted = ((np.arange(count) + 0.5) * total / count).astype(int).tolist()
        found = {i: frame.to_ndarray(format="rgb24") for i, frame in enumerate(_pictures(path)) if i in wanted}
        return np.stack([found[i] for i in wanted]).astype(np.uint8, copy=False)


def read_image(path: Path) -> NDArray[np.uint8]:
    """A still picture, turned upright as its camera says.

    Returns:
        (H, W, 3), red, green, blue in 0..255; transparency is dropped, 16 bits become 8.

    Raises:
        ColliculusError: the file is missing, empty, damaged, a git-lfs pointer, or no picture.
    """
    with decoding(path), Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 16 bits: Pillow would clip them at 255
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        return np.array(upright.convert("RGB"))


def tracks(path: Path) -> set[str]:
    """Which of "audio" and "video" an audio or video file carries.

    Raises:
        ColliculusError: as `read_audio`, but for the sound.
    """
    with decoding(path), open_media(path) as container:
        return {stream.type for stream in container.streams} & {"audio", "video"}


def open_media(path: Path) -> InputContainer:
    """A sound or video file as FFmpeg sees it; for use inside `decoding`."""
    # an absolute path, lest FFmpeg take "data:clip.mp4" for a protocol; and no protocol but files from inside a file
    return av.open(str(path.absolute()), options={"protocol_whitelist": "file"})


def _pictures(path: Path) -> Iterator[av.VideoFrame]:
    with open_media(path) as container:
        if not container.streams.video:
            raise ColliculusError(f"{path} holds no picture: give a file with a picture track")
        yield from container.decode(video=0)
