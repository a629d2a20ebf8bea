"""Lengths in headers are hints: bytes by hand, and files whose headers are changed or lack a length."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from colliculus.media.lengths import media_length_s
from colliculus.media.notes import collected_notes
from colliculus.media.pictures import read_pictures
from colliculus.media.sound import read_sound
from colliculus.media.window import Window

RATE = 16_000
SOUND = (0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 32_767).astype("<i2").tobytes()
N = len(SOUND)
RIFF = {
    "right": (36 + N, N),
    "header counted twice": (44 + N, N),
    "sox in a pipe": (0x7FFFF024, 0x7FFFF000),
    "largest": (0x7FFFFFFF, 0x7FFFFFFF),
    "ffmpeg in a pipe": (0xFFFFFFFF, 0xFFFFFFFF),
    "none": (0, 0),
    "high bits": ((36 + N) | 0x60000000, N),
    "16 too few": (20 + N, N),
    "8 too many": (44 + N, N + 8),
}


def write_wav(path, riff, data, body=SOUND):
    fmt = struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    path.write_bytes(b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + fmt + b"data" + struct.pack("<I", data) + body)


def read(path, rate=RATE, window=Window()):  # noqa: B008 - frozen
    with collected_notes() as notes:
        return read_sound(path, window, rate), notes


@pytest.mark.parametrize("case", RIFF)
def test_a_riff_length_that_the_writer_could_not_know_is_no_damage(tmp_path, case):
    write_wav(tmp_path / "a.wav", *RIFF[case])
    waveform, notes = read(tmp_path / "a.wav")
    np.testing.assert_allclose(waveform * 32_768, np.frombuffer(SOUND, "<i2"), atol=0.51)
    assert notes == {}


def test_a_cut_wav_is_read_and_named(tmp_path):
    write_wav(tmp_path / "a.wav", 36 + N, N, SOUND[: N // 2])
    waveform, notes = read(tmp_path / "a.wav")
    assert len(waveform) == RATE // 2
    assert notes == {"cut-short": f"{tmp_path / 'a.wav'} states {N} bytes and holds {N // 2}"}


def encoded(path, waveform, codec, rate=22_050, options=None, format=None):  # noqa: A002 - PyAV's word
    with av.open(str(path), "w", format=format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        if codec == "libmp3lame":
            stream.codec_context.qscale = True
            stream.codec_context.global_quality = 2 * 118
        frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def uneven():
    """Two seconds of noise and four of silence: the first packets are not like the others."""
    noise = 0.5 * np.random.default_rng(0).standard_normal(44_100).clip(-1.9, 1.9)
    return np.concatenate([noise, np.zeros(88_200)]), np.concatenate([np.zeros(44_100), noise])


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}),
        ("b.mp3", "libmp3lame", {}),
        ("a.aac", "aac", {}),
    ],
)
def test_an_estimated_length_is_no_damage(tmp_path, uneven, name, codec, options):
    for number, waveform in enumerate(uneven):
        path = tmp_path / f"{number}{name}"
        encoded(path, waveform, codec, options=options)
        found, notes = read(path, 22_050)
        assert len(found) / 22_050 == pytest.approx(len(waveform) / 22_050, abs=0.1)
        assert "cut-short" not in notes


@pytest.mark.parametrize(("rate_hz", "stated"), [(22_050, "6.1"), (44_100, "3.0")])
def test_the_number_of_frames_in_an_mp3_tells_that_it_was_cut(tmp_path, uneven, rate_hz, stated):
    encoded(tmp_path / "whole.mp3", uneven[0], "libmp3lame", rate_hz)
    content = (tmp_path / "whole.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(content[: len(content) // 2])
    found, notes = read(tmp_path / "cut.mp3", rate_hz)
    assert 0.5 < len(found) / rate_hz < 0.8 * float(stated)
    assert f"states a length of {stated} s and holds" in notes["cut-short"]
    assert "cut-short" not in read(tmp_path / "whole.mp3", rate_hz)[1]


def test_a_video_of_one_frame_is_whole(tmp_path):
    with av.open(str(tmp_path / "one.webm"), "w") as container:
        stream = container.add_stream("libvpx", rate=1)
        stream.height, stream.width, stream.pix_fmt = 16, 16, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((16, 16, 3), 90, np.uint8), format="rgb24")))
        container.mux(stream.encode())
    content = bytearray((tmp_path / "one.webm").read_bytes())
    at = content.index(b"\x44\x89\x88") + 3  # the length, in ms
    content[at : at + 8] = struct.pack(">d", 9000.0)
    (tmp_path / "one.webm").write_bytes(content)
    with collected_notes() as notes:
        frames = read_pictures(tmp_path / "one.webm", Window(), count=2, rate_hz=None)
    assert [round(frame.mean() / 10) for frame in frames] == [9, 9]
    assert "cut-short" not in notes


@pytest.mark.parametrize("pre_skip", [312, 3840, 40_000])
def test_the_pre_skip_of_opus_is_not_heard(tmp_path, pre_skip):
    """The decoder drops the pre-skip: the click comes earlier by that time, and no silence takes its place."""
    samples = np.zeros(2 * 48_000, np.float32)
    samples[48_000:48_240] = 0.8
    encoded(tmp_path / "a.opus", samples, "libopus", rate=48_000, format="opus")
    (tmp_path / "b.opus").write_bytes(with_pre_skip((tmp_path / "a.opus").read_bytes(), pre_skip))
    found, _ = read(tmp_path / "b.opus", 48_000)
    onset = int(np.argmax(np.abs(found) > 0.3))
    assert onset == pytest.approx(48_000 + 312 - pre_skip, abs=120)
    assert len(found) == pytest.approx(2 * 48_000 + 312 - pre_skip, abs=1500)


def with_pre_skip(content: bytes, pre_skip: int) -> bytes:
    """An Ogg file whose first page states another pre-skip, with its checksum made again."""
    end = 27 + content[26] + sum(content[27 : 27 + content[26]])
    page = bytearray(content[:end])
    at = page.index(b"OpusHead") + 10
    page[at : at + 2] = struct.pack("<H", pre_skip)
    page[22:26] = b"\0\0\0\0"
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1) ^ (0x104C11DB7 if checksum & 0x80000000 else 0)
    page[22:26] = struct.pack("<I", checksum)
    return bytes(page) + content[end:]


def test_the_length_is_that_of_the_packets(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(4000), 8000)
    assert media_length_s(tmp_path / "a.flac") == pytest.approx(0.5, abs=0.01)
