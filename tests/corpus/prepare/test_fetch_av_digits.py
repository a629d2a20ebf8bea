from __future__ import annotations

import io
import wave
import zipfile

import pytest

from colliculus.corpus.prepare import fetch_av_digits
from colliculus.corpus.prepare.fetch_av_digits import (
    MNIST_SHA256,
    extract_recordings,
    prepare,
    recordings_digest,
)
from colliculus.types import ColliculusError


def _wav(samples):
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples)
    return content.getvalue()


@pytest.fixture
def recordings(tmp_path):
    """A folder of two recordings."""
    folder = tmp_path / "sample"
    folder.mkdir()
    (folder / "0_theo_0.wav").write_bytes(_wav(b"\1\2"))
    (folder / "0_theo_1.wav").write_bytes(_wav(b"\3\4"))
    return folder


def _pack(archive, recordings, extra=()):
    with zipfile.ZipFile(archive, "w") as packed:
        for path in recordings.iterdir():
            packed.write(path, f"free-spoken-digit-dataset-1.0.10/recordings/{path.name}")
        for name in extra:
            packed.writestr(name, b"not wanted")


def test_only_recordings_are_unpacked_and_none_leaves_the_folder(tmp_path, recordings):
    archive, target = tmp_path / "recordings.zip", tmp_path / "root" / "recordings"
    _pack(archive, recordings, extra=["README.md", "../../evil.txt", "recordings/C:evil.wav", "other/0_theo_2.wav"])
    extract_recordings(archive, target, sha256=recordings_digest(recordings))
    assert sorted(path.name for path in target.iterdir()) == ["0_theo_0.wav", "0_theo_1.wav"]
    assert not list(tmp_path.rglob("evil*"))


def test_an_escaping_name_stays_inside(tmp_path, recordings):
    archive, target = tmp_path / "recordings.zip", tmp_path / "root" / "recordings"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in recordings.iterdir():
            packed.write(path, f"../../../recordings/{path.name}")
    extract_recordings(archive, target, sha256=recordings_digest(recordings))
    assert len(list(target.iterdir())) == 2


def test_other_recordings_are_refused_and_leave_nothing(tmp_path, recordings):
    archive, target = tmp_path / "recordings.zip", tmp_path / "root" / "recordings"
    _pack(archive, recordings)
    with pytest.raises(ColliculusError, match="does not hold the recordings"):
        extract_recordings(archive, target, sha256="0" * 64)
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_broken_archive(tmp_path, content):
    archive = tmp_path / "recordings.zip"
    archive.write_bytes(content)
    with pytest.raises(ColliculusError, match="damaged"):
        extract_recordings(archive, tmp_path / "recordings", sha256="")


def test_the_digest_is_of_names_and_samples(recordings):
    before = recordings_digest(recordings)
    (recordings / "0_theo_1.wav").write_bytes(_wav(b"\3\4") + b"LIST\4\0\0\0INFO")
    assert recordings_digest(recordings) == before  # tags change nothing
    (recordings / "0_theo_1.wav").write_bytes(_wav(b"\3\5"))
    assert recordings_digest(recordings) != before


def test_a_file_that_is_no_recording(recordings):
    (recordings / "0_theo_2.wav").write_bytes(b"text")
    with pytest.raises(ColliculusError, match=r"0_theo_2\.wav is not a wav file"):
        recordings_digest(recordings)


def test_only_what_is_missing_is_fetched(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(
        fetch_av_digits, "download", lambda urls, target, sha256, remedy: fetched.append((target, sha256, len(urls)))
    )
    (tmp_path / "recordings").mkdir()
    present, *missing = MNIST_SHA256
    (tmp_path / present).touch()
    prepare(tmp_path)
    assert fetched == [(tmp_path / name, MNIST_SHA256[name], 2) for name in missing]
