"""Small folders of clips: pairs of sound and image, and videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from raw_trees import write_video


def write_sound(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.5, 0.5, 800), 8000)


def write_image(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 8), (level, level // 2, 0)).save(path)


def fill(folder: Path, clips: int, *, first: int = 0, sound: bool = True, image: bool = True) -> None:
    """Pairs of one stem in the two classes, whose images are dark and bright."""
    for label, name in enumerate(("big dog", "çat")):
        for i in range(first, first + clips):
            if sound:
                write_sound(folder / name / f"clip {i}.wav", 50 * label + i)
            if image:
                write_image(folder / name / f"clip {i}.png", 100 * label + 10 * i + 20)


def write_late_clip(path: Path, level: int, frequency_hz: float) -> None:
    """A video of uneven brightness over time, whose sound is a rising tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.broadcast_to(np.arange(level, level + 40, 4, np.uint8)[:, None, None, None], (10, 16, 24, 3)).copy()
    time_s = np.arange(16_000) / 16_000
    sound = 0.5 * np.sin(2 * np.pi * frequency_hz * time_s**2)
    write_video(path, frames, sound.astype(np.float32), rate_hz=16_000)
