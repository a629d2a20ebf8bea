"""Damage inside a file costs the damaged packets and no more; it is counted and named."""

from __future__ import annotations

import re
from fractions import Fraction

import av
import numpy as np
import pytest
from raw_trees import grey, tone, write_video

from colliculus.media.container import tracks
from colliculus.media.notes import collected_notes
from colliculus.media.pictures import check_pictures, read_pictures
from colliculus.media.sound import read_sound
from colliculus.media.video import read_frames
from colliculus.media.window import Window
from colliculus.types import ColliculusError

RATE = 22_050


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    """Four seconds of 440 Hz without an index."""
    path = tmp_path_factory.mktemp("mp3") / "whole.mp3"
    options = {"write_xing": "0", "id3v2_version": "0"}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(440, rate_hz=RATE, duration_s=4)[None], format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def damaged(content, kind):
    middle = content.index(b"\xff\xf3", len(content) // 2)
    return {
        "begins within a frame": content[100:],
        "ends within a frame": content[:-77],
        "rubbish between frames": content[:middle] + b"\x00\xff\xfb\x11garbage" * 9 + content[middle:],
        "a frame of rubbish": content[: middle + 8] + bytes(range(1, 120)) + content[middle + 127 :],
        "zeros at the end": content + bytes(3000),
        "a page at the end": content + b"<html>oops</html>" * 20,
        "ID3v1": content + b"TAG" + b"x" * 125,
        "APE": content + b"APETAGEX" + bytes([208, 7, 0, 0, 40, 0, 0, 0]) + bytes(16) + b"y" * 40,
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "begins within a frame",
        "ends within a frame",
        "rubbish between frames",
        "a frame of rubbish",
        "zeros at the end",
        "a page at the end",
        "ID3v1",
        "APE",
    ],
)
def test_a_damaged_frame_does_not_drop_the_clip(tmp_path, mp3, kind):
    (tmp_path / "a.mp3").write_bytes(damaged(mp3, kind))
    found = read_sound(tmp_path / "a.mp3", Window(), RATE)
    assert len(found) / RATE == pytest.approx(4, abs=0.25)
    loud = np.abs(np.fft.rfft(found[RATE // 2 : RATE // 2 + RATE]))
    assert loud.argmax() == pytest.approx(440, abs=1)


@pytest.fixture
def broken(tmp_path):
    """A Matroska file of whole frames, in which one packet of sound and one of images are rubbish."""
    frames = np.random.default_rng(0).integers(0, 255, (20, 16, 24, 3), np.uint8)
    write_video(tmp_path / "whole.mkv", frames, tone(440, rate_hz=48_000, duration_s=2))
    with av.open(str(tmp_path / "whole.mkv")) as source, av.open(str(tmp_path / "broken.mkv"), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        seen = dict.fromkeys(streams, 0)
        for packet in source.demux():
            if packet.dts is None:
                continue
            index = packet.stream.index
            seen[index] += 1
            copy = av.Packet(bytes(packet.size) if seen[index] == 8 else bytes(packet))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.duration, copy.is_keyframe, copy.stream = packet.duration, packet.is_keyframe, streams[index]
            target.mux(copy)
    return tmp_path / "broken.mkv"


def test_gaps_are_counted_and_named(broken):
    with collected_notes() as notes:
        found = read_sound(broken, Window(), 48_000)
        frames = read_pictures(broken, Window(), count=4, rate_hz=None)
    assert len(found) / 48_000 == pytest.approx(2, abs=0.1)
    assert len(frames) == 4
    assert re.search(r"broken\.mkv: 1 of \d+ packets of its (sound|video) cannot be decoded", notes["damaged"])


def test_a_check_decodes_to_the_end(tmp_path):
    """The last packet is rubbish, which reading at a few moments does not notice."""
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.height, stream.width, stream.pix_fmt = 16, 24, "yuvj420p"
        frames = np.random.default_rng(0).integers(0, 255, (40, 16, 24, 3), np.uint8)
        packets = [p for f in frames for p in stream.encode(av.VideoFrame.from_ndarray(f, format="rgb24"))]
        packets += stream.encode()
        for packet in packets[:-1]:
            container.mux(packet)
        rubbish = av.Packet(bytes(packets[-1].size))
        rubbish.pts, rubbish.dts, rubbish.time_base = packets[-1].pts, packets[-1].dts, packets[-1].time_base
        rubbish.stream, rubbish.is_keyframe, rubbish.duration = stream, True, packets[-1].duration
        container.mux(rubbish)
    with collected_notes() as notes:
        read_pictures(tmp_path / "a.mkv", Window(), count=4, rate_hz=None)
    assert notes == {}
    with collected_notes() as notes:
        check_pictures(tmp_path / "a.mkv")
    assert notes == {"damaged": f"{tmp_path / 'a.mkv'}: 1 of 40 packets of its video cannot be decoded"}


def test_a_file_of_which_nothing_can_be_decoded_is_refused(tmp_path, mp3):
    (tmp_path / "a.mp3").write_bytes(b"ID3\x04\0\0\0\0\0\0" + b"\xff\xf3\x40\xc0" + bytes(range(256)) * 8)
    with pytest.raises(ColliculusError, match=r"a\.mp3 (cannot be decoded|holds no sound)"):
        read_sound(tmp_path / "a.mp3", Window(), RATE)


@pytest.mark.parametrize("suffix", [".mpg", ".vob", ".ts"])
def test_a_segment_far_inside_a_stream_of_packets_is_found(tmp_path, suffix):
    """A seek lands between the packets of an MPEG stream: the decoder falls into step again."""
    path, shown = tmp_path / f"a{suffix}", np.arange(200, dtype=np.uint8)
    with av.open(str(path), "w", format={".mpg": "mpeg", ".vob": "vob", ".ts": "mpegts"}[suffix]) as container:
        video = container.add_stream("mpeg2video", rate=25)
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        sound = container.add_stream("mp2", rate=44_100, layout="mono")
        waveform = np.concatenate([tone(f, rate_hz=44_100, duration_s=1) for f in range(300, 1100, 100)])
        frame = av.AudioFrame.from_ndarray((waveform[None] * 32_767).astype(np.int16), format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
        packets = [*sound.encode(frame), *sound.encode()]
        for level in grey(shown, (48, 64)):
            packets += video.encode(av.VideoFrame.from_ndarray(level, format="rgb24"))
        packets += video.encode()
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            container.mux(packet)
    with collected_notes() as notes:
        (frame,) = read_frames(path, Window(6.2, 6.6), count=1, rate_hz=None)
        heard = read_sound(path, Window(6.2, 6.8), 16_000)
    assert frame.mean() == pytest.approx(shown[160], abs=4)
    assert np.abs(np.fft.rfft(heard[800:8800])).argmax() * 2 == pytest.approx(900, abs=4)
    assert notes == {"constant": notes["constant"]} if "constant" in notes else not notes


def test_names_that_are_not_unicode_do_not_matter(tmp_path):
    write_video(tmp_path / "a.mp4", grey([50] * 5), tone(440, rate_hz=48_000, duration_s=0.5))
    content = (tmp_path / "a.mp4").read_bytes()
    assert b"VideoHandler" in content
    (tmp_path / "a.mp4").write_bytes(content.replace(b"VideoHandler", b"Vid\x8e\xffHandler"))
    assert tracks(tmp_path / "a.mp4") == {"audio", "video"}
    assert len(read_frames(tmp_path / "a.mp4", Window(), count=2, rate_hz=None)) == 2


def test_a_cover_is_no_video(tmp_path):
    write_video(tmp_path / "a.mp4", None, tone(440, rate_hz=48_000, duration_s=0.5))
    with av.open(str(tmp_path / "a.mp4")) as source, av.open(str(tmp_path / "song.mp4"), "w") as target:
        sound = target.add_stream_from_template(source.streams.audio[0])
        cover = target.add_stream("png", rate=1)
        cover.height, cover.width, cover.pix_fmt = 16, 16, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 90, np.uint8), format="rgb24")
        for packet in [*cover.encode(picture), *cover.encode()]:
            target.mux(packet)
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                target.mux(packet)
    assert tracks(tmp_path / "song.mp4") == {"audio"}
