from __future__ import annotations

import io

import numpy as np
from PIL import Image

from colliculus.figures import pixels


def opened(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGBA"))


def test_three_channels_stay_colours_and_others_become_grey():
    colour = np.zeros((3, 2, 2))
    colour[0] = 4.0
    (image,) = pixels.frames(colour)
    np.testing.assert_array_equal(image[0, 0], [1, 0, 0])
    two = pixels.frames(np.stack([np.zeros((2, 1, 2)), np.full((2, 1, 2), 3.0)]))
    assert two.shape == (2, 1, 2, 3)
    np.testing.assert_array_equal(two[:, 0, 0], [[0, 0, 0], [1, 1, 1]])


def test_a_map_is_stretched_over_the_image_in_orange():
    grey = np.full((1, 4, 4, 3), 0.5, dtype=np.float32)
    (image,) = pixels.overlay(grey, np.array([[[0.0, 2.0]], [[0.0, 4.0]]]))
    np.testing.assert_allclose(image[:, :2], 0.375)
    assert (image[:, 2:, 0] > 0.85).all()
    assert (image[:, 2:, 2] < 0.1).all()


def test_images_stand_beside_each_other_and_a_spectrogram_on_its_feet():
    images = np.zeros((2, 2, 3, 3), dtype=np.float32)
    images[:, 0] = 1.0
    shown = opened(pixels.png(images, upside_down=True))
    assert shown.shape == (2, 7, 4)
    assert (shown[1, :3, :3] == 255).all()
    assert (shown[0, :3, :3] == 0).all()
    assert (shown[:, 3, 0] == 128).all()


def test_many_large_images_stay_a_small_file():
    shown = opened(pixels.png(np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32)))
    assert shown.shape[0] * shown.shape[1] <= pixels.MOST_PIXELS
    assert shown.shape[1] > 7 * shown.shape[0]


def test_a_raster_has_time_to_the_right_and_is_transparent_between_spikes():
    fired = np.zeros((3, 2), dtype=bool)
    fired[2, 0] = True
    shown = opened(pixels.raster_png(fired))
    assert shown.shape == (2, 3, 4)
    assert shown[0, 2, 3] == 255
    assert shown[..., 3].sum() == 255
