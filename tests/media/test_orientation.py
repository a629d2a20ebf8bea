"""Rotation and mirroring: written by FFmpeg, compared with the transposes of Pillow."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from colliculus.media.orientation import upright
from colliculus.media.pictures import read_pictures
from colliculus.media.video import read_frames
from colliculus.media.window import Window

TRANSPOSE = Image.Transpose
SHOWN = {
    (0, False, False): None,
    (90, False, False): TRANSPOSE.ROTATE_90,  # both count counter-clockwise
    (180, False, False): TRANSPOSE.ROTATE_180,
    (-90, False, False): TRANSPOSE.ROTATE_270,
    (0, True, False): TRANSPOSE.FLIP_LEFT_RIGHT,
    (0, False, True): TRANSPOSE.FLIP_TOP_BOTTOM,
}


@pytest.fixture
def stored():
    """64 x 96 in four quarters of unlike colours."""
    quarters = np.array([[[230, 30, 30], [30, 200, 30]], [[30, 30, 220], [220, 220, 30]]], np.uint8)
    return quarters.repeat(32, 0).repeat(48, 1)


def write(path, picture, how):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "yuv420p"
        stream.bit_rate = 2_000_000
        if how != (0, False, False):
            degrees, hflip, vflip = how
            stream.set_display_rotation(degrees, hflip=hflip, vflip=vflip)
        for frame in [av.VideoFrame.from_ndarray(picture, format="rgb24")] * 4:
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("how", SHOWN, ids=str)
def test_a_video_is_shown_as_its_player_shows_it(tmp_path, stored, how, suffix):
    write(tmp_path / f"clip{suffix}", stored, how)
    image = Image.fromarray(stored)
    expected = np.asarray(image if SHOWN[how] is None else image.transpose(SHOWN[how])).astype(int)
    for read in (read_frames, read_pictures):
        for frame in read(tmp_path / f"clip{suffix}", Window(), count=2, rate_hz=None):
            assert frame.shape == expected.shape
            height, width = expected.shape[:2]
            for row, column in ((8, 8), (8, width - 9), (height - 9, 8), (height - 9, width - 9)):
                np.testing.assert_allclose(frame[row, column], expected[row, column], atol=25)


@pytest.mark.parametrize("matrix", [(0, 1, 1, 0), (0, -1, -1, 0), (0, -1, 1, 0), (-1, 0, 0, -1), (1, 0, 0, 1)])
def test_each_pixel_goes_where_the_matrix_says(matrix):
    a, b, c, d = matrix
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    where = {(b * x + d * y, a * x + c * y): image[y, x, 0] for y in range(2) for x in range(3)}
    rows, columns = sorted({row for row, _ in where}), sorted({column for _, column in where})
    expected = [[where[row, column] for column in columns] for row in rows]
    assert upright(image, matrix)[..., 0].tolist() == expected
