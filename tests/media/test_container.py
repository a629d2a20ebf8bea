"""Tracks and lengths of audio and video files, and what every reader of them makes of damage."""

from __future__ import annotations

import re

import numpy as np
import pytest
import soundfile
from PIL import Image
from raw_trees import grey, write_video
from raw_trees import tone as sine

from colliculus.media.container import tracks
from colliculus.media.images import read_image
from colliculus.media.lengths import media_length_s
from colliculus.media.notes import collected_notes
from colliculus.media.sound import read_sound
from colliculus.media.video import read_frames
from colliculus.media.window import Window
from colliculus.types import ColliculusError

VIDEOS = [".mp4", ".mkv", ".avi", ".flv", ".webm"]


def read_two_frames(path):
    return read_frames(path, Window(), count=2, rate_hz=None)


def read_all_sound(path):
    return read_sound(path, Window(), 8000)


READERS = {
    "clip.wav": read_all_sound,
    "clip.mp4": read_two_frames,
    "clip.png": read_image,
    "clip.webm": tracks,
    "clip.mkv": media_length_s,
}
CONTENTS = {
    "missing": (None, "file"),
    "empty": (b"", "is empty"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
    "text": (b"this is no media file at all", "cannot be decoded"),
}


def test_tracks_are_found(shared_video):
    assert tracks(shared_video("clip.mp4")) == {"audio", "video"}
    assert tracks(shared_video("silent.mp4")) == {"video"}
    assert tracks(shared_video("blind.mp4")) == {"audio"}


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_media_is_named(tmp_path, name):
    for content, message in CONTENTS.values():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ColliculusError, match=message) as caught:
            READERS[name](tmp_path / name)
        assert name in str(caught.value)


@pytest.mark.parametrize("suffix", [*VIDEOS, ".wav", ".flac"])
def test_what_is_cut_off_is_named(tmp_path, suffix):
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    if suffix in VIDEOS:
        write_video(whole, grey(range(20, 220, 5)), sine(440, rate_hz=48_000, duration_s=4))
    else:
        soundfile.write(whole, np.random.default_rng(0).uniform(-1, 1, 32_000), 8000)
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    with collected_notes() as notes:
        if suffix == ".mp4":  # its index is at the end
            with pytest.raises(ColliculusError, match=r"cut\.mp4 cannot be decoded"):
                read_two_frames(cut)
            return
        (read_two_frames if suffix in VIDEOS else read_all_sound)(cut)
    assert re.search(r"cut\.\w+ states .* and holds", notes["cut-short"])
    with collected_notes() as notes:
        (read_two_frames if suffix in VIDEOS else read_all_sound)(whole)
    assert "cut-short" not in notes


@pytest.mark.parametrize("suffix", [*VIDEOS, ".wav", ".flac", ".png", ".jpg", ".gif"])
def test_damaged_files_give_a_sample_or_name_themselves(tmp_path, shared_video, tone, suffix):
    damaged = tmp_path / f"damaged{suffix}"
    if suffix in {".wav", ".flac"}:
        soundfile.write(damaged, tone[:4000], 8000)
    elif suffix in {".png", ".jpg"}:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)).save(damaged)
    whole = damaged if damaged.exists() else shared_video(f"clip{suffix}")
    content = np.frombuffer(whole.read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(list(suffix.encode()))
    outcomes = []
    for trial in range(18):
        changed = content.copy()
        if trial % 3 == 0:
            changed = changed[: rng.integers(1, len(changed))]
        else:
            where = rng.integers(0, len(changed) if trial % 3 == 1 else 200, size=8)
            changed[where] ^= (1 << rng.integers(0, 8, size=8)).astype(np.uint8)
        damaged.write_bytes(changed.tobytes())
        for read in READERS.values():
            try:
                read(damaged)
                outcomes.append("sample")
            except ColliculusError as error:
                outcomes.append(str(error))
    errors = [outcome for outcome in outcomes if outcome != "sample"]
    assert 0 < len(errors) < len(outcomes)
    assert all(damaged.name in error and "\n" not in error for error in errors)
