"""Videos and sounds that tests of several rooms read."""

from __future__ import annotations

import numpy as np
import pytest
from raw_trees import write_video as _write_video


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
