from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

PICTURE_CODECS = {".mp4": "mpeg4", ".mkv": "mpeg4", ".avi": "mpeg4", ".flv": "flv", ".webm": "libvpx", ".gif": "gif"}
SOUND_CODECS = {".mp4": "aac", ".mkv": "aac", ".avi": "mp3", ".flv": "aac", ".webm": "libopus"}


def _write_video(path, frames=None, waveform=None, *, rate_hz=48_000, fps=10):
    """Encode `frames` (F, H, W, 3) uint8 and `waveform` (samples,) float32, either of which may be None."""
    with av.open(str(path), "w") as container:
        tracks = []
        if frames is not None:
            codec = PICTURE_CODECS[path.suffix]
            pictures = container.add_stream(codec, rate=fps)
            pictures.height, pictures.width = frames.shape[1:3]
            pictures.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
            tracks.append((pictures, [av.VideoFrame.from_ndarray(frame, format="rgb24") for frame in frames]))
        if waveform is not None:
            sound = container.add_stream(SOUND_CODECS[path.suffix], rate=rate_hz, layout="mono")
            frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
            tracks.append((sound, [frame]))
        for stream, raw in tracks:
            for frame in [*raw, None]:
                for packet in stream.encode(frame):
                    container.mux(packet)


@pytest.fixture
def write_video():
    return _write_video


@pytest.fixture
def brightening():
    """Ten frames of one grey each, from dark to bright: which frame was read can be told from its level."""
    levels = np.arange(10, dtype=np.uint8) * 20 + 20
    return np.broadcast_to(levels[:, None, None, None], (10, 32, 48, 3)).copy()


@pytest.fixture
def tone():
    """One second of 440 Hz at 48 kHz."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)
