from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from colliculus.media.images import read_image
from colliculus.types import ColliculusError


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "CMYK", "LA"])
def test_every_kind_of_image_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert (image == 255).all()


def test_a_sixteen_bit_image_is_scaled_and_not_clipped(tmp_path):
    Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], dtype=np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 128, 255]


def test_an_image_is_rotated_upright(tmp_path):
    image = Image.fromarray(np.array([[[250, 0, 0], [0, 0, 250]]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    image.save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png")[:, 0].tolist() == [[250, 0, 0], [0, 0, 250]]


def test_a_folder_is_not_an_image(tmp_path):
    with pytest.raises(ColliculusError, match=tmp_path.name):
        read_image(tmp_path)
