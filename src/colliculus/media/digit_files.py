"""Raw files of AV-Digits: recordings of the Free Spoken Digit Dataset and images of MNIST."""

from __future__ import annotations

import gzip
import math
import re
import wave
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import check_file, visible
from colliculus.media.sound import read_sound
from colliculus.media.window import Window
from colliculus.types import ColliculusError

NUM_DIGITS = 10
SAMPLE_RATE_HZ = 8000
_MOST_BYTES = 2**26  # MNIST unpacked has 47 million

RECORDING_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")
"""Digit, speaker and index of a recording."""


@dataclass(frozen=True, eq=False)
class Speech:
    """All recordings, sorted by file name: their waveforms, digits, speakers and indices."""

    waveforms: list[NDArray[np.float32]]
    digits: NDArray[np.int64]
    speakers: NDArray[np.str_]
    indices: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Speech:
        """Recordings at `rows`."""
        waveforms = [self.waveforms[row] for row in rows]
        return Speech(waveforms, self.digits[rows], self.speakers[rows], self.indices[rows])

    def file_name(self, row: int) -> str:
        """File name of a recording."""
        return f"{self.digits[row]}_{self.speakers[row]}_{self.indices[row]}.wav"


@dataclass(frozen=True, eq=False)
class DigitImages:
    """Images (n, 1, 28, 28) in 0..255 and their digits (n,)."""

    images: NDArray[np.uint8]
    digits: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> DigitImages:
        """Images at `rows`."""
        return DigitImages(self.images[rows], self.digits[rows])


def read_speech(folder: Path) -> Speech:
    """Read all recordings of `folder` that are named by digit, speaker and index, such as 7_jackson_32.wav.

    Raises:
        ColliculusError: the folder is missing, holds none, or one is damaged.
    """
    if not folder.is_dir():
        raise ColliculusError(f"{folder} does not exist: pass --data.root, the folder of `recordings/` and MNIST")
    matches = [(path, match) for path in visible(folder, folder) if (match := RECORDING_NAME.fullmatch(path.name))]
    if not matches:
        raise ColliculusError(f"{folder} holds no recording named like 7_jackson_32.wav: download them again")
    return Speech(
        waveforms=[_read_recording(path) for path, _ in matches],
        digits=np.array([int(match[1]) for _, match in matches]),
        speakers=np.array([match[2] for _, match in matches]),
        indices=np.array([int(match[3]) for _, match in matches]),
    )


def _read_recording(path: Path) -> NDArray[np.float32]:
    """Samples in -1..1. The published format is read by the standard library, ten times faster than by FFmpeg."""
    try:
        with wave.open(str(path)) as file:
            samples = file.readframes(file.getnframes())
            published = file.getparams()[:4] == (1, 2, SAMPLE_RATE_HZ, len(samples) // 2)
    except (wave.Error, EOFError, OSError):
        published, samples = False, b""
    if not published or not samples:
        return read_sound(path, Window(), SAMPLE_RATE_HZ)
    return np.divide(np.frombuffer(samples, "<i2"), 32768, dtype=np.float32)


MNISTPart = Literal["train", "t10k"]
"""Training or test images, as the files of MNIST call them."""


def images_file(part: MNISTPart) -> str:
    """File of the images of a part.

    Example:
        >>> images_file("t10k")
        't10k-images-idx3-ubyte.gz'
    """
    return f"{part}-images-idx3-ubyte.gz"


def read_digit_images(root: Path, part: MNISTPart) -> DigitImages:
    """Read the training ("train") or test ("t10k") images in `root`.

    Raises:
        ColliculusError: a file is missing or damaged, or labels and images do not belong together.
    """
    images = _read_idx(root / images_file(part), dimensions=3)
    digits = _read_idx(root / f"{part}-labels-idx1-ubyte.gz", dimensions=1).astype(np.int64)
    if len(images) != len(digits) or digits.max(initial=0) >= NUM_DIGITS:
        raise ColliculusError(f"the {part} labels in {root} do not fit the {len(images)} images: download both again")
    return DigitImages(images[:, None], digits)


def _read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Read an array of bytes in MNIST's format: 0, 0, type 8, dimensions, each length as a big-endian int32, values."""
    check_file(path)
    try:
        with gzip.open(path) as packed:
            content = packed.read(_MOST_BYTES)  # a larger one has the wrong length
    except (OSError, EOFError, zlib.error) as error:
        raise ColliculusError(f"{path} is damaged ({error}): download it again") from error
    start = 4 + 4 * dimensions
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) != start + math.prod(shape):
        raise ColliculusError(
            f"{path} is not an MNIST file of {dimensions} dimension(s), or was cut short: download it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
