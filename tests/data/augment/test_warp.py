from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colliculus.data.augment.draws import Draws
from colliculus.data.augment.warp import Warp, as_type, warped
from colliculus.types import ColliculusError


def slow(values, shifts, scales):
    """Every value by itself: np.interp along W, then along H."""
    out = np.empty(values.shape)
    for b in range(len(values)):
        lines = values[b].reshape(-1, *values.shape[-2:]).astype(float)
        for frame, target in zip(lines, out[b].reshape(lines.shape), strict=True):
            target[:] = frame
            for axis, size in enumerate(frame.shape):
                c = (size - 1) / 2
                places = [(n - c - shifts[b, axis]) / scales[b, axis] + c for n in range(size)]
                target[:] = np.apply_along_axis(lambda x, p=places, n=size: np.interp(p, np.arange(n), x), axis, target)
    return out


@pytest.mark.parametrize("shape", [(4, 1, 7, 9), (4, 3, 2, 5, 6), (4, 6, 1, 16), (4, 2, 1, 1)], ids=str)
def test_it_equals_interpolation_by_hand(shape) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape)
    shifts, scales = rng.uniform(-3, 3, (4, 2)), rng.uniform(0.5, 1.7, (4, 2))
    got = warped(values, shifts, scales)
    assert got.dtype == values.dtype
    np.testing.assert_allclose(got, slow(values, shifts, scales), atol=2e-5)
    assert shape[-1] == 1 or not np.allclose(got, values)


def test_nothing_moved_is_nothing_changed() -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, 3, 12, 11), dtype=np.uint8)
    assert np.array_equal(warped(values, np.zeros((3, 2)), np.ones((3, 2))), values)


def test_whole_numbers_are_rounded_and_stay_in_their_range() -> None:
    assert as_type(np.array([-3.0, 2.5, 3.5, 400.0], dtype=np.float32), np.dtype(np.uint8)).tolist() == [0, 2, 4, 255]
    step = np.array([[[[0, 100]]]], dtype=np.uint8)
    assert warped(step, np.array([[0.0, 0.3]]), np.ones((1, 2))).tolist() == [[[[0, 70]]]]


def test_draws_stay_within_the_settings_and_reach_them() -> None:
    """A ramp tells where each value came from."""
    ramp = np.broadcast_to(np.arange(101.0), (400, 1, 1, 101))
    draws = Draws.of(0, 0, np.arange(400))
    got = Warp(probability=0.75, shift=0.1, scale=(0.8, 1.25))(ramp, draws, draws)[:, 0, 0]
    changed = (got != ramp[:, 0, 0]).any(axis=1)
    assert 0.68 < changed.mean() < 0.82
    scales = 1 / np.diff(got[changed], axis=1)[:, 50]
    shifts = (50 - got[changed, 50]) * scales
    for drawn, (low, high) in ((scales, (0.8, 1.25)), (shifts, (-10.1, 10.1))):
        margin = 0.05 * (high - low)
        assert low - 1e-3 <= drawn.min() < low + margin
        assert high - margin < drawn.max() <= high + 1e-3


def test_a_sequence_of_series_is_one_line_of_time_and_frames_move_alike() -> None:
    draws, rng = Draws.of(0, 0, np.arange(5)), np.random.default_rng(0)
    line = rng.normal(size=(5, 2, 1, 12))
    parts = np.moveaxis(line.reshape(5, 2, 1, 3, 4), 3, 1)
    always = Warp(probability=1.0)
    expected = np.moveaxis(always(line, draws, draws).reshape(5, 2, 1, 3, 4), 3, 1)
    assert np.array_equal(always.of_series(parts, draws), expected)
    frames = np.repeat(rng.normal(size=(5, 1, 2, 6, 6)), 3, axis=1)
    moved = always(frames, draws, draws)
    assert np.array_equal(moved[:, 0], moved[:, 2])
    assert not np.array_equal(moved, frames)


def test_each_axis_has_the_draws_that_it_is_given() -> None:
    """A ramp down and one to the right tell how each axis moved; one set of draws zooms both axes alike."""
    draws, own = Draws.of(0, 0, np.arange(60)), Draws.of(0, 0, np.arange(60)).of_modality("sound")
    down, right = np.mgrid[0:41.0, 0:41.0]
    ramps = np.broadcast_to(np.stack([down, right])[None], (60, 2, 41, 41))
    warp = Warp(probability=1.0, shift=0.1, scale=(0.8, 1.25))
    (apart, ours, theirs) = (warp(ramps, *pair) for pair in ((own, draws), (own, own), (draws, draws)))
    middle = slice(10, 31)  # away from the edges, whose values go on
    assert np.allclose(apart[:, 0, middle, 20], ours[:, 0, middle, 20], atol=1e-4)
    assert np.allclose(apart[:, 1, 20, middle], theirs[:, 1, 20, middle], atol=1e-4)
    assert not np.allclose(ours[:, :, middle, middle], theirs[:, :, middle, middle], atol=0.1)
    steps = [np.diff(ours[:, 0, middle, 20], axis=1), np.diff(ours[:, 1, 20, middle], axis=1)]
    assert np.allclose(*steps, atol=1e-3)
    half = replace(warp, probability=0.5)(ramps, own, draws)
    changed = (half != ramps).any(axis=(1, 2, 3))
    assert 0.3 < changed.mean() < 0.7
    assert np.array_equal(half[changed], apart[changed])


@pytest.mark.parametrize("wrong", [{"probability": 1.5}, {"shift": -0.1}, {"scale": (1.1, 0.9)}, {"scale": (0.0, 1.0)}])
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ColliculusError, match=rf"`{next(iter(wrong))}` of a warp"):
        Warp(**wrong)
