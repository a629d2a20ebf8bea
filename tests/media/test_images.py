from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from colliculus.media.images import read_image
from colliculus.media.notes import collected_notes
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


GREY = np.linspace(0, 1, 256).reshape(16, 16)


@pytest.mark.parametrize(
    ("name", "numbers", "scale"),
    [
        ("16.png", (GREY * 65_535).astype(np.uint16), None),
        ("16.tif", (GREY * 65_535).astype(np.uint16), None),
        ("12 in 16.png", (GREY * 4095).astype(np.uint16), 4095),
        ("8 in 16.png", (GREY * 255).astype(np.uint16), 255),
        ("8 in 32.tif", (GREY * 255).astype(np.int32), 255),
        ("16 in 32.tif", (GREY * 65_535).astype(np.int32), 65_535),
        ("31 in 32.tif", (GREY * (2**31 - 1)).astype(np.int32), 2**31 - 1),
        ("real to 1.tif", GREY.astype(np.float32), 1),
        ("real to 255.tif", (GREY * 255).astype(np.float32), 255),
        ("real to 65535.tif", (GREY * 65_535).astype(np.float32), 65_535),
    ],
)
def test_numbers_of_any_range_are_scaled_by_the_stated_rule(tmp_path, name, numbers, scale):
    Image.fromarray(numbers).save(tmp_path / name)
    with collected_notes() as notes:
        image = read_image(tmp_path / name)
    np.testing.assert_allclose(image[..., 1], 255 * GREY, atol=1)
    assert list(notes) == ([] if scale is None else ["number-range"])
    assert scale is None or f"divided by {scale} " in notes["number-range"]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((GREY - 0.5).astype(np.float32), "numbers from -0.5 to 0.5"),
        (np.where(GREY > 0.5, np.nan, GREY).astype(np.float32), "numbers from"),
        ((GREY * 1e12).astype(np.float32), "numbers up to 1e"),
    ],
)
def test_numbers_that_are_no_levels_are_refused(tmp_path, numbers, message):
    Image.fromarray(numbers).save(tmp_path / "a.tif")
    with pytest.raises(ColliculusError, match=message):
        read_image(tmp_path / "a.tif")


def test_colours_of_12_bits_in_16_are_refused_and_those_of_16_are_read(tmp_path):
    """PNG of 16-bit colours, byte by byte, because Pillow writes none."""
    for top, readable in ((4095, False), (65_535, True)):
        ramp = np.repeat((GREY * top).astype(">u2")[..., None], 3, 2)
        rows = b"".join(b"\0" + row.tobytes() for row in ramp)
        parts = (
            (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        )
        (tmp_path / "a.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + b"".join(
                struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
                for name, body in parts
            )
        )
        if readable:
            np.testing.assert_allclose(read_image(tmp_path / "a.png")[..., 2], 255 * GREY, atol=1)
        else:
            with pytest.raises(ColliculusError, match="at most 12 bits in 16"):
                read_image(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white_and_not_its_hidden_colour(tmp_path, mode):
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 2, 4))
    if mode == "P":
        image = Image.new("P", (4, 4), 1)
        image.putpalette([0, 0, 0, 0, 255, 0])
        image.paste(0, (0, 0, 2, 4))
        image.info["transparency"] = 1
    else:
        image = image.convert(mode)
    image.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0].tolist() == [[0, 0, 0]] * 2 + [[255, 255, 255]] * 2


def test_an_image_is_rotated_upright(tmp_path):
    image = Image.fromarray(np.array([[[250, 0, 0], [0, 0, 250]]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    image.save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png")[:, 0].tolist() == [[250, 0, 0], [0, 0, 250]]


def test_a_folder_is_not_an_image(tmp_path):
    with pytest.raises(ColliculusError, match=tmp_path.name):
        read_image(tmp_path)
