from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from colliculus.media.resize import resize, to_levels


def _triangle_weights(old, new):
    """(new, old): each new pixel is a triangle-weighted mean of old ones, as wide as the shrinking asks."""
    scale = old / new
    width = max(scale, 1.0)
    weights = np.zeros((new, old))
    for i in range(new):
        for j in range(old):
            weights[i, j] = max(0.0, 1 - abs((j + 0.5) - (i + 0.5) * scale) / width)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(3, 4), (11, 9), (7, 5), (2, 12)])
def test_agrees_with_a_slow_loop(size):
    image = np.random.default_rng(0).normal(size=(2, 7, 5))
    expected = _triangle_weights(7, size[0]) @ image @ _triangle_weights(5, size[1]).T
    np.testing.assert_allclose(resize(image, size), expected, atol=1e-5)


def test_doubling_by_hand():
    assert resize(np.array([[[0, 4]]]), (1, 4)).ravel().tolist() == [0.0, 1.0, 3.0, 4.0]


def test_same_size_is_a_copy():
    image = np.ones((1, 2, 2), dtype=np.float32)
    resized = resize(image, (2, 2))
    resized[:] = 0
    assert image.all()


@given(
    lead=st.lists(st.integers(1, 3), max_size=2),
    old=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    new=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    dtype=st.sampled_from([np.uint8, np.int16, np.float32, np.float64]),
)
def test_shape_type_and_range(lead, old, new, dtype):
    images = np.random.default_rng(0).integers(0, 100, (*lead, 2, *old)).astype(dtype)
    resized = resize(images, new)
    assert resized.shape == (*lead, 2, *new)
    assert resized.dtype == np.float32
    assert resized.min() >= images.min() - 1e-3
    assert resized.max() <= images.max() + 1e-3


def test_grey_is_the_brightness_that_pillow_computes():
    colours = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    grey = to_levels(colours, (8, 12), 1)
    assert grey.shape == (1, 8, 12)
    np.testing.assert_allclose(grey[0].astype(int), np.asarray(Image.fromarray(colours).convert("L"), int), atol=1)
