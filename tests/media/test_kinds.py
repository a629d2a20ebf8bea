from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_trees import grey, tone, write_video, write_wav

from colliculus.media.kinds import AUDIO_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, kind_of


def test_no_ending_is_of_two_kinds():
    assert not AUDIO_SUFFIXES & VIDEO_SUFFIXES
    assert not (AUDIO_SUFFIXES | VIDEO_SUFFIXES) & IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() for suffix in AUDIO_SUFFIXES | VIDEO_SUFFIXES | IMAGE_SUFFIXES)


@pytest.mark.parametrize(
    ("name", "kind"),
    [(".aif", "sound"), (".AMR", "sound"), (".mts", "container"), (".3gp", "container"), (".heic", "image")],
)
def test_endings_of_phones_cameras_and_recorders_are_known(name, kind):
    assert kind_of(Path(f"a{name}")) == kind


def test_a_file_of_unknown_ending_is_known_by_its_first_bytes(tmp_path):
    write_wav(tmp_path / "a.wav", np.zeros(100))
    write_video(tmp_path / "b.mp4", grey([1, 2]), tone(440, rate_hz=48_000, duration_s=0.2))
    write_video(tmp_path / "b.mkv", grey([1, 2]))
    for name in ("c.png", "c.jpg", "c.webp", "c.tif"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    kinds = {".wav": "sound", ".mp4": "container", ".mkv": "container"}
    files = sorted(tmp_path.iterdir())
    assert len(files) == 7
    for number, file in enumerate(files):
        unnamed = file.rename(tmp_path / f"{number}.part")
        assert kind_of(unnamed) == kinds.get(file.suffix, "image"), file
    (tmp_path / "notes.doc").write_text("about RIFF, ftyp and OggS")
    assert kind_of(tmp_path / "notes.doc") is None
    assert kind_of(tmp_path / "missing.doc") is None
