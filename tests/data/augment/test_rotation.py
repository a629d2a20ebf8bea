from __future__ import annotations

from math import cos, radians, sin

import numpy as np
import pytest

from colliculus.data.augment.draws import Draws
from colliculus.data.augment.rotation import Rotation, rotated
from colliculus.types import ColliculusError


def slow(image, angle_deg):
    """Every value by itself: where it comes from, and the four values around that place."""
    height, width = image.shape
    turned, c, s = np.empty_like(image), cos(radians(angle_deg)), sin(radians(angle_deg))
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    for row in range(height):
        for column in range(width):
            y, x = row - middle_y, column - middle_x
            found_y = min(max(s * x + c * y + middle_y, 0), height - 1)
            found_x = min(max(c * x - s * y + middle_x, 0), width - 1)
            top, left = int(found_y), int(found_x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            down, along = found_y - top, found_x - left
            upper = (1 - along) * image[top, left] + along * image[top, right]
            lower = (1 - along) * image[bottom, left] + along * image[bottom, right]
            turned[row, column] = (1 - down) * upper + down * lower
    return turned


@pytest.mark.parametrize("shape", [(4, 1, 7, 9), (4, 3, 2, 6, 5), (4, 2, 8, 8)], ids=str)
def test_it_equals_interpolation_by_hand(shape) -> None:
    values, angles = np.random.default_rng(0).normal(size=shape), np.array([-140.0, -7.0, 3.0, 60.0])
    got = rotated(values, angles)
    assert got.dtype == values.dtype
    expected = [
        np.stack([slow(frame, angle) for frame in sample.reshape(-1, *shape[-2:])]).reshape(sample.shape)
        for sample, angle in zip(values, angles, strict=True)
    ]
    np.testing.assert_allclose(got, np.stack(expected), atol=2e-5)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarters_of_a_turn_are_exact_and_bytes_stay_bytes(quarters) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 6, 6), dtype=np.uint8)
    got = rotated(image, np.array([90.0 * quarters]))
    assert got.dtype == np.uint8
    assert np.array_equal(got, np.rot90(image, quarters, axes=(2, 3)))


def test_draws_stay_within_the_settings_and_reach_them_and_frames_turn_alike() -> None:
    """The line of a ramp tells by which angle it turned."""
    ramp = np.broadcast_to(np.arange(-20.0, 21.0), (300, 2, 1, 41, 41))
    got = Rotation(probability=0.6, most_deg=12)(ramp, Draws.of(0, 0, np.arange(300)))
    assert np.array_equal(got[:, 0], got[:, 1])
    middle = got[:, 0, 0]
    slopes = (middle[:, 20, 21] - middle[:, 20, 19]) / 2, (middle[:, 21, 20] - middle[:, 19, 20]) / 2
    angles = np.rad2deg(np.arctan2(-slopes[1], slopes[0]))
    changed = (got != ramp).any(axis=(1, 2, 3, 4))
    assert 0.5 < changed.mean() < 0.7
    assert np.array_equal(angles != 0, changed)
    assert -12.01 < angles.min() < -11
    assert 11 < angles.max() < 12.01


@pytest.mark.parametrize("wrong", [{"probability": 1.5}, {"most_deg": -1.0}, {"most_deg": 181.0}], ids=str)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ColliculusError, match=rf"`{next(iter(wrong))}` of a rotation"):
        Rotation(**wrong)
