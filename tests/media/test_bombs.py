"""Small files that state or unpack to much are refused before memory is taken."""

from __future__ import annotations

import gzip
import math
import struct
import tracemalloc
import zlib

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from scipy.io import savemat
from scipy.io.wavfile import write as write_wav

from colliculus.files.tables import read_table
from colliculus.media import sound
from colliculus.media.digit_files import read_digit_images
from colliculus.media.images import MOST_PIXELS, read_image
from colliculus.media.matlab import read_matlab
from colliculus.media.pictures import check_pictures
from colliculus.media.window import Window
from colliculus.types import ColliculusError


@pytest.fixture(autouse=True)
def little_memory():
    """Python and NumPy take less than 200 MB during the test."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6


def png(width: int, height: int) -> bytes:
    """A PNG of one bit for each pixel, all black."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes(1 + width // 8) * 100)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (8200, MOST_PIXELS // 8200 + 1)])
def test_a_huge_image(tmp_path, width, height):
    (tmp_path / "a.png").write_bytes(png(width, height))
    with pytest.raises(ColliculusError, match=r"a\.png"):
        read_image(tmp_path / "a.png")
    with pytest.raises(ColliculusError, match=r"a\.png"):
        check_pictures(tmp_path / "a.png")


def test_a_huge_gif(tmp_path):
    side = math.isqrt(MOST_PIXELS) + 1
    Image.new("P", (8, 8)).save(tmp_path / "a.gif")
    check_pictures(tmp_path / "a.gif")
    content = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(content[:6] + struct.pack("<HH", side, side) + content[10:])
    with pytest.raises(ColliculusError, match=f"states {side} x {side} pixels"):
        check_pictures(tmp_path / "a.gif")


def test_a_long_sound(tmp_path, monkeypatch):
    tone = np.sin(np.arange(8000)).astype(np.float32) / 2
    write_wav(tmp_path / "a.wav", 8000, tone)
    monkeypatch.setattr(sound, "MOST_SAMPLES", 7999)
    with pytest.raises(ColliculusError, match="holds 8,000 samples of sound"):
        sound.read_sound(tmp_path / "a.wav", Window(), 8000)
    assert len(sound.read_sound(tmp_path / "a.wav", Window(end_s=0.5), 8000)) == 4000
    sound.check_sound(tmp_path / "a.wav")  # it holds a moment in memory
    monkeypatch.setattr(sound, "track_end_s", lambda *_: 0.1)  # the sound goes on after it
    with pytest.raises(ColliculusError, match="samples of sound: choose a part"):
        sound.read_sound(tmp_path / "a.wav", Window(), 8000)


def test_a_packed_file_of_zeros(tmp_path):
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(bytes([0, 0, 8, 3]) + struct.pack(">III", 10**6, 28, 28))
        for _ in range(80):
            file.write(bytes(10**6))
    with pytest.raises(ColliculusError, match="not an MNIST file"):
        read_digit_images(tmp_path, "train")


def test_a_matrix_of_zeros(tmp_path):
    savemat(tmp_path / "small.mat", {"x": np.zeros((2, 3))}, do_compression=True)
    assert read_matlab(tmp_path / "small.mat", "x").shape == (2, 3)
    shape = (2**13, 2**13 + 1)
    content = bytearray((tmp_path / "small.mat").read_bytes())
    body = bytearray(zlib.decompress(content[136:]))
    at = bytes(body).index(struct.pack("<ii", 2, 3))
    body[at : at + 8] = struct.pack("<ii", *shape)
    packed = zlib.compress(bytes(body))
    (tmp_path / "a.mat").write_bytes(bytes(content[:132]) + struct.pack("<I", len(packed)) + packed)
    with pytest.raises(ColliculusError, match=r"states \(8192, 8193\) numbers in x"):
        read_matlab(tmp_path / "a.mat", "x")


def test_a_table_of_one_repeated_cell(tmp_path):
    rows = 9_000_000
    cells = pyarrow.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["a"])
    parquet.write_table(pyarrow.table({"label": cells}), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 10**6
    with pytest.raises(ColliculusError, match="states 9,000,000 rows"):
        read_table(tmp_path / "a.parquet")
