"""Videos and sounds that tests of several rooms read, each made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import raw_trees


@pytest.fixture(scope="session")
def write_video() -> Callable[..., None]:
    return raw_trees.write_video


@pytest.fixture(scope="session")
def brightening() -> np.ndarray:
    """Ten frames of one grey each, from dark to bright: which frame was read can be told from its level."""
    return raw_trees.grey(range(20, 220, 20), (32, 48))


@pytest.fixture(scope="session")
def tone() -> np.ndarray:
    """One second of 440 Hz at 48 kHz."""
    return raw_trees.tone(440, rate_hz=48_000, duration_s=1)


@pytest.fixture(scope="session")
def shared_video(
    tmp_path_factory: pytest.TempPathFactory, brightening: np.ndarray, tone: np.ndarray
) -> Callable[[str], Path]:
    """A video of `brightening` and `tone` under a name like clip.mp4, silent.mp4 (no sound) or blind.mp4 (no images).

    Each is written once for all tests, none of which may change it.
    """
    folder = tmp_path_factory.mktemp("videos")

    @cache
    def video(name: str) -> Path:
        frames = None if name.startswith("blind") else brightening
        sound = None if name.startswith("silent") or name.endswith(".gif") else tone
        raw_trees.write_video(folder / name, frames, sound)
        return folder / name

    return video
