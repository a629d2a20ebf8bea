from __future__ import annotations

import numpy as np
import pytest

from colliculus.data.augment.draws import Draws
from colliculus.data.digit_motion import MOST_TURN, SPEED, LaggedMotion, moved

DRAWS = Draws.of(0, 0, np.arange(6))


def blob(size=32):
    """A bright spot right of the middle, wide enough that bilinear values keep its centre."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (255 * np.exp(-((x - 5) ** 2 + y**2) / 18)).astype(np.float32)[None, None]


def centre(image):
    """Centre of brightness relative to the middle, right and down, in pixels."""
    size = image.shape[-1]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.array([(image * x).sum(), (image * y).sum()]) / image.sum()


@pytest.mark.parametrize(("shift", "turn"), [((0, 0), 0.5), ((0.1, -0.05), 0.0), ((-0.1, 0.1), -0.8)])
def test_a_spot_moves_as_told(shift, turn):
    before = centre(blob()[0, 0])
    after = centre(moved(blob(), np.array([shift]), np.array([turn]))[0, 0])
    clockwise = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])  # y points down
    np.testing.assert_allclose(after, clockwise @ before + 32 * np.array(shift), atol=0.1)


def test_half_a_pixel_is_bilinear():
    image = np.array([[[[0, 100, 0, 0]] * 4]], dtype=np.float32)
    assert moved(image, np.array([[1 / 8, 0]]), np.zeros(1))[0, 0, 1].tolist() == [0, 50, 50, 0]
    np.testing.assert_array_equal(moved(image, np.zeros((1, 2)), np.zeros(1)), image)


@pytest.mark.parametrize(("steps", "lag"), [(8, 0), (8, 2), (8, 4), (4, 1)])
def test_sound_follows_the_picture_by_the_lag(steps, lag):
    motion = LaggedMotion(steps=steps, lag=lag, silence={"audio": -7.0})
    event = steps // 2
    pictures = motion.pictures(np.full((6, 1, 8, 8), 200, np.float32), DRAWS)
    spectra = np.random.default_rng(0).normal(size=(6, 1, 3, 10)).astype(np.float32)
    sounds = motion.sounds("audio", spectra)
    assert (pictures.shape, sounds.shape) == ((6, steps, 1, 8, 8), (6, steps, 1, 3, 10))
    seen = pictures.reshape(6, steps, -1).max(axis=2) > 0
    heard = (sounds.reshape(6, steps, -1) != -7).any(axis=2)
    assert (seen == [step < event for step in range(steps)]).all()
    assert (heard == [lag <= step < lag + event for step in range(steps)]).all()
    for step in range(event):  # slow loop over the columns
        for column in range(10):
            source = int((step * 10 + column) / event)
            np.testing.assert_array_equal(sounds[:, lag + step, ..., column], spectra[..., source])


def test_the_picture_moves_and_turns_evenly_and_stands_upright_halfway():
    motion = LaggedMotion(steps=8, lag=0, silence={})
    clips = motion.pictures(np.repeat(blob(), 6, axis=0), DRAWS)[:, :4, 0]
    angles, turns = 2 * np.pi * DRAWS.uniform("direction", 1)[:, 0], DRAWS.between("turn", -MOST_TURN, MOST_TURN)
    assert np.ptp(angles) > 1
    assert np.ptp(turns) > 0.05
    for clip, angle, turn in zip(clips, angles, turns, strict=True):
        for frame, passed in zip(clip, (-1.5, -0.5, 0.5, 1.5), strict=True):
            shift = 32 * SPEED * passed * np.array([np.cos(angle), np.sin(angle)])
            turned = 5 * np.array(
                [np.cos(turn * passed), np.sin(turn * passed)]
            )  # the spot is five pixels to the right
            np.testing.assert_allclose(centre(frame), turned + shift, atol=0.1)


def test_no_sample_is_no_error():
    motion = LaggedMotion(steps=4, lag=1, silence={"audio": 0.0})
    assert motion.pictures(np.zeros((0, 1, 8, 8), np.float32), Draws.of(0, 0, np.arange(0))).shape == (0, 4, 1, 8, 8)
    assert motion.sounds("audio", np.zeros((0, 1, 8, 8), np.float32)).shape == (0, 4, 1, 8, 8)
