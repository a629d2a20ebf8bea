"""The page about data, and clips within pages."""

from __future__ import annotations

import base64
import io
import re
import wave

import numpy as np
import pytest
from PIL import Image
from raw_trees import grey, tone, write_video

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.media.spectrogram import Spectrogram
from colliculus.media.window import Window
from colliculus.report.embedded import RATE_HZ, embedded
from colliculus.report.view import view
from colliculus.types import ColliculusError

SMALL = FolderRecipe(
    audio=Sound(duration_s=0.5, spectrogram=Spectrogram(sample_rate_hz=8000, size=(16, 16))),
    visual=Frames(size=(16, 24)),
    video_frames=2,
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two classes of five clips of 0.5 to 0.9 s; one file is damaged."""
    root = tmp_path_factory.mktemp("clips") / "mine"
    for number in range(10):
        folder = root / ("high", "low")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        seconds = 0.5 + 0.1 * (number // 2)
        frames = grey([20 * number + 10] * round(10 * seconds), (32, 48))
        write_video(folder / f"{number}.mp4", frames, tone(400 + 100 * number, rate_hz=48_000, duration_s=seconds))
    (root / "low" / "bad.mp4").write_bytes(b"no video")
    return root


def decoded(url, kind):
    head, _, content = url.partition(",")
    assert head == f"data:{kind};base64"
    return io.BytesIO(base64.b64decode(content))


def test_the_page_shows_classes_lengths_findings_and_clips(clips, tmp_path):
    found = view(clips, tmp_path / "data.html", clips=2, jobs=0)
    page = (tmp_path / "data.html").read_text()
    assert (found.samples, found.shown, found.trustworthy) == (11, 4, False)
    assert found.num_bytes == len(page.encode())
    for part in ("Data of mine", "files that cannot be read", "low/bad.mp4", "0.5 to 0.9 s", "0.87 to 0.90 s"):
        assert part in page
    assert re.findall(r"<h3>(\w+)</h3>", page) == ["high", "low"]
    assert page.count("<audio") == 3  # not of the damaged file
    assert page.count("data:image/jpeg") == 3
    assert "<script" not in page


def test_a_quick_look_opens_nothing(clips, tmp_path):
    found = view(clips, tmp_path / "data.html", clips=0, quick=True)
    page = (tmp_path / "data.html").read_text()
    assert (found.shown, found.trustworthy) == (0, True)
    assert "a quick look: no file was opened" in page
    assert "Lengths" not in page
    assert "<audio" not in page
    with pytest.raises(ColliculusError, match="`clips` is -1"):
        view(clips, clips=-1)


def test_of_prepared_data_the_stored_frames_are_shown(clips, tmp_path):
    prepare(SMALL, clips, tmp_path / "data", jobs=0)
    found = view(tmp_path / "data", tmp_path / "data.html", clips=1)
    page = (tmp_path / "data.html").read_text()
    assert found.shown == 2
    assert "2 frames, evenly spread over each whole clip" in page
    pictures = re.findall(r'src="(data:image/png[^"]*)"', page)
    assert len(pictures) == 2
    shown = np.asarray(Image.open(decoded(pictures[0], "image/png")).convert("L"))
    assert shown.shape == (16, 49)  # two frames and a line between them
    assert "<audio" not in page
    view(tmp_path / "data", tmp_path / "raw.html", clips=1, root=clips)
    assert (tmp_path / "raw.html").read_text().count("data:image/jpeg") == 2


def test_a_clip_within_a_page_is_its_middle_frame_and_its_first_sound(tmp_path):
    levels = [40] * 10 + [120] * 10 + [220] * 10
    waveform = np.concatenate([tone(500, rate_hz=48_000, duration_s=1.5), np.zeros(72_000, np.float32)])
    write_video(tmp_path / "a.mp4", grey(levels, (160, 320)), waveform)
    whole = embedded("a", ["line"], [tmp_path / "a.mp4"])
    picture = np.asarray(Image.open(decoded(whole.picture, "image/jpeg")).convert("L"))
    assert picture.shape == (80, 160)
    assert abs(float(picture.mean()) - 120) < 8
    with wave.open(decoded(whole.sound, "audio/wav")) as player:
        assert (player.getframerate(), player.getnframes(), player.getnchannels()) == (RATE_HZ, 2 * RATE_HZ, 1)
        heard = np.frombuffer(player.readframes(2 * RATE_HZ), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(heard[:RATE_HZ]))
    assert spectrum.argmax() == pytest.approx(500, abs=3)
    assert np.abs(heard[-RATE_HZ // 4 :]).max() < 400
    assert whole.num_bytes == len(whole.picture) + len(whole.sound)
    late = embedded("a", [], [tmp_path / "a.mp4"], Window(2.0, 3.0))
    assert abs(float(np.asarray(Image.open(decoded(late.picture, "image/jpeg")).convert("L")).mean()) - 220) < 8
    with wave.open(decoded(late.sound, "audio/wav")) as player:
        assert player.getnframes() == pytest.approx(RATE_HZ, rel=0.05)


def test_a_clip_that_cannot_be_read_has_neither(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    found = embedded("a", [], [tmp_path / "a.mp4", tmp_path / "gone.wav"])
    assert (found.picture, found.sound, found.num_bytes) == ("", "", 0)
