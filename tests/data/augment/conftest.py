"""Batches of stored values, and draws for them."""

from __future__ import annotations

import numpy as np
import pytest

from colliculus.data.augment.draws import Draws


def _values(shape, dtype=np.uint8):
    """Whole numbers 0..255, unless floating ones are wanted."""
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, shape) if np.dtype(dtype).kind in "ui" else rng.normal(size=shape)).astype(dtype)


@pytest.fixture
def values():
    return _values


@pytest.fixture
def draws():
    """Draws for the first so many samples."""
    return lambda count, epoch=0: Draws.of(0, epoch, np.arange(count))
