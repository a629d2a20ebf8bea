from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.media.depth import body_levels, middles
from colliculus.types import ColliculusError


@given(steps=st.integers(1, 12), frames=st.integers(1, 100))
def test_the_frames_are_those_at_the_middles(steps, frames):
    for part, frame in enumerate(middles(steps, frames)):
        middle = (part + 0.5) * frames / steps  # frame f is shown from f to f + 1
        assert frame < middle + 1e-9
        assert frame + 1 >= middle - 1e-9


def test_the_square_is_around_all_that_is_seen_in_any_frame():
    depth = np.zeros((2, 10, 12), np.uint16)
    depth[0, 2:6, 3:5] = 3000
    depth[1, 3:4, 4:9] = 3000
    levels = body_levels(depth, size=(6, 6), span_mm=2000.0)  # rows 2 to 5, columns 3 to 8: a square of side 6
    expected = np.zeros((2, 6, 6))
    expected[0, 1:5, 0:2] = expected[1, 2:3, 1:6] = 128  # rows 1 to 6
    np.testing.assert_array_equal(levels[:, 0], expected)


def test_half_a_pixel_off_the_middle_is_up_and_left():
    depth = np.zeros((1, 8, 8), np.float32)
    depth[0, 4:7, 2:6] = 3000  # three rows in a square of four: rows 3 to 6
    levels = body_levels(depth, size=(4, 4), span_mm=2000.0)[0, 0]
    assert levels.tolist() == [[0] * 4, *[[128] * 4] * 3]


def test_a_square_may_reach_beyond_the_image():
    depth = np.full((1, 2, 6), 3000, np.uint16)
    levels = body_levels(depth, size=(6, 6), span_mm=2000.0)
    assert (levels[0, 0, 2:4] == 128).all()
    assert (levels[0, 0, [0, 1, 4, 5]] == 0).all()


def test_levels_by_hand():
    """The median is 2,500 mm; 1,000 mm nearer is the brightest, and nothing of the body is as dark as nothing."""
    depth = np.array([[[1000, 1500, 2500], [2500, 3000, 9000], [0, 2250, 2500]]])
    levels = body_levels(depth, size=(3, 3), span_mm=2000.0)[0, 0]
    assert levels.tolist() == [[255, 255, 128], [128, 64, 1], [0, 159, 128]]


def test_frames_without_a_body():
    with pytest.raises(ColliculusError, match="no body"):
        body_levels(np.zeros((1, 2, 2)), size=(2, 2), span_mm=2000.0)
