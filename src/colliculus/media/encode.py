"""Lossless writing of sound and grey images: readers read back exactly what was written."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def write_wav(path: Path, waveform: NDArray[np.int16], *, rate_hz: int) -> None:
    """Write 16-bit samples (n,) of one channel."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(waveform.astype("<i2").tobytes())


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write one image (H, W)."""
    Image.fromarray(image).save(path)


def write_gif(path: Path, frames: NDArray[np.uint8], *, rate_hz: int) -> None:
    """Write frames (F, H, W) with PyAV, because Pillow merges equal frames and would lose steps."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=rate_hz)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "gray"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
