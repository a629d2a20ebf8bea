from __future__ import annotations

import hashlib

import numpy as np
import pytest
import soundfile
from PIL import Image

from colliculus.corpus.inspection import SampleInspection
from colliculus.corpus.prepare.workers import results_of
from colliculus.corpus.sample import Sample


@pytest.fixture
def root(tmp_path, write_video, brightening, tone):
    write_video(tmp_path / "both.mp4", brightening, tone)
    write_video(tmp_path / "silent.mp4", brightening)
    write_video(tmp_path / "dark.mkv", None, tone)
    soundfile.write(tmp_path / "tone.wav", tone, 48_000)
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "picture.png")
    np.save(tmp_path / "lidar.npy", np.zeros((1, 4, 4)))
    np.save(tmp_path / "nan.npy", np.array([np.nan]))
    np.savez(tmp_path / "touch.npz", a=np.zeros(3))
    (tmp_path / "pointer.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "both.mp4").read_bytes()[:900])
    (tmp_path / "noise.png").write_bytes(bytes(range(256)))
    (tmp_path / "notes.txt").write_text("about")
    return tmp_path


def look(root, *, quick=False, start=None, **files):
    sample = Sample(name="n", label="x", files=files, start_s=start)
    return SampleInspection(root, quick=quick).prepare(0, sample)


def test_what_can_be_read_has_its_length_and_digests(root):
    seen = look(root, audio="both.mp4", visual="both.mp4")
    digest = hashlib.sha256((root / "both.mp4").read_bytes()).hexdigest()
    assert seen.problem == ""
    assert seen.sha256 == {"audio": digest, "visual": digest}
    assert seen.duration_s == pytest.approx(1.0, abs=0.1)
    for files in ({"audio": "tone.wav", "visual": "silent.mp4"}, {"audio": "dark.mkv"}):
        assert look(root, **files).problem == ""
    still = look(root, visual="picture.png", lidar="lidar.npy", touch="touch.npz::a")
    assert (still.problem, still.duration_s) == ("", None)


@pytest.mark.parametrize(
    ("files", "problem", "quick"),
    [
        ({"audio": "pointer.wav"}, "pointer.wav is a git-lfs pointer", True),
        ({"visual": "empty.png"}, "empty.png is empty", True),
        ({"visual": "lost/it.png"}, "lost/it.png is not a file", True),
        ({"audio": "silent.mp4"}, "silent.mp4 holds no sound", False),
        ({"visual": "dark.mkv"}, "dark.mkv holds no images", False),
        ({"visual": "cut.mp4"}, "cut.mp4 cannot be decoded", False),
        ({"visual": "noise.png"}, "noise.png cannot be decoded", False),
        ({"lidar": "nan.npy"}, "nan.npy holds values not finite", False),
        ({"touch": "touch.npz::b"}, "touch.npz holds the arrays a and no 'b'", False),
        ({"text": "notes.txt"}, "notes.txt has an unknown ending", False),
        ({"audio": "tone.wav", "visual": "empty.png"}, "empty.png is empty", True),
    ],
)
def test_what_cannot_be_read_is_reported_without_the_root(root, files, problem, quick):
    seen = look(root, **files)
    assert seen.problem.startswith(problem)
    assert seen.missing == tuple(files)[-1:]
    glance = look(root, quick=True, **files)
    assert glance.problem.startswith(problem) is quick
    assert (glance.sha256, glance.duration_s) == ({}, None)


def test_a_sample_that_begins_after_its_file_has_ended(root):
    assert look(root, audio="tone.wav", start=5.0).problem == (
        "it begins at 5 s, after the end of its files: correct `start`"
    )
    assert look(root, audio="tone.wav", start=0.4).duration_s == pytest.approx(0.6, abs=0.01)


def test_another_process_tells_the_same(root):
    names = sorted(path.name for path in root.iterdir())
    samples = [Sample(name=name, label="x", files={"audio": name}) for name in names]
    place = SampleInspection(root)
    told = {result.row: result for result in results_of(place, samples, range(len(names)), jobs=1)}
    assert told == {row: place.prepare(row, sample) for row, sample in enumerate(samples)}


@pytest.mark.parametrize("name", ["both.mp4", "dark.mkv", "tone.wav", "picture.png", "lidar.npy", "touch.npz"])
def test_damaged_bytes_are_reported_and_never_raised(root, name):
    whole = (root / name).read_bytes()
    random = np.random.default_rng(0)
    for turn in range(12):
        content = bytearray(whole[: random.integers(1, len(whole))] if turn % 3 == 0 else whole)
        for place in random.integers(0, len(content), turn):
            content[place] = random.integers(256)
        (root / name).write_bytes(content)
        seen = look(root, audio=name) if name.startswith(("dark", "tone")) else look(root, visual=name)
        assert seen.sha256.popitem()[1] == hashlib.sha256(content).hexdigest()
        assert "\n" not in seen.problem
        assert str(root) not in seen.problem


def test_what_is_odd_about_a_file_is_noted_without_the_root(root, tone):
    soundfile.write(root / "loud.wav", np.clip(6 * tone, -1, 1), 48_000)
    soundfile.write(root / "still.wav", np.zeros(4000), 8000)
    soundfile.write(root / "against.wav", np.stack([tone, -tone], 1), 48_000)
    soundfile.write(root / "hot.wav", 3 * tone, 48_000, subtype="FLOAT")
    Image.fromarray((np.arange(64).reshape(8, 8) * 60).astype(np.uint16)).save(root / "twelve.png")
    (root / "short.wav").write_bytes((root / "tone.wav").read_bytes()[:40_000])
    for file, kind in (
        ("loud.wav", "clipped"),
        ("still.wav", "silent"),
        ("against.wav", "opposite-phase"),
        ("hot.wav", "beyond-full-scale"),
        ("short.wav", "cut-short"),
    ):
        seen = look(root, audio=file)
        assert (seen.problem, list(seen.notes)) == ("", [kind])
        assert seen.notes[kind].startswith(file)
        assert look(root, audio=file).notes == seen.notes  # the second time, nothing is decoded
    assert list(look(root, visual="twelve.png").notes) == ["number-range"]
    assert list(look(root, visual="picture.png").notes) == ["constant"]
    assert look(root, audio="both.mp4").notes == {}


@pytest.mark.parametrize(("name", "write"), [("a.csv", np.savetxt), ("a.mat", None)])
def test_a_series_is_read(root, name, write):
    if write is None:
        pytest.importorskip("scipy.io").savemat(root / name, {"imu": np.ones((5, 2))})
    else:
        write(root / name, np.ones((5, 2)), delimiter=",")
    assert look(root, imu=name).problem == ""
    (root / name).write_bytes(b"x,y\n1")
    assert name in look(root, imu=name).problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0,-1.5,2,-3\n1,0,0,9.81\n", ""),  # a series, which may have as many columns as events
        ("t,x,y,p\n5,1,2,1\n7,3,4,0\n", ""),
        ("5 1 2 1\n7 3 4 0\n", ""),
        ("t,x,y,p\n5,1,2,1\n7,3\n", "a.csv cannot be decoded"),
        ("5,1,2,1\n7,3,4,zero\n", "a.csv cannot be decoded"),
    ],
)
def test_a_table_is_a_series_or_events(root, text, problem):
    (root / "a.csv").write_text(text)
    seen = look(root, imu="a.csv").problem
    assert seen.startswith(problem) if problem else not seen
