from __future__ import annotations

import numpy as np
import pytest
import soundfile
from PIL import Image
from raw_trees import write_aedat

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.storage import Frames, Sound, as_waveforms
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.sample import Sample
from colliculus.media.spectrogram import Spectrogram
from colliculus.types import ColliculusError

WHOLE = Sample(name="x", label="0", files={"m": "x"})
SPECTRUM = Spectrogram(sample_rate_hz=8000, n_fft=64, hop=40, size=(8, 12))


def part(start_s, end_s):
    return Sample(name="x", label="0", files={"m": "x"}, start_s=start_s, end_s=end_s)


def test_frames_of_a_video_have_the_shape_they_promise(tmp_path, write_video, brightening):
    write_video(tmp_path / "clip.mkv", brightening)
    for frames in (Frames(size=(8, 9)), Frames(size=(8, 9), steps=3), Frames(size=(8, 9), steps=1, channels=1)):
        stored = frames.read(tmp_path / "clip.mkv", WHOLE)
        assert (stored.shape, stored.dtype) == (frames.shape, frames.dtype)
    levels = Frames(size=(8, 8), steps=2).read(tmp_path / "clip.mkv", part(0.4, 1.0)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(levels, [120, 180], atol=6)


def test_a_picture_stands_still(tmp_path):
    Image.fromarray(np.full((4, 4, 3), 77, np.uint8)).save(tmp_path / "still.png")
    assert (Frames(size=(2, 2), steps=3).read(tmp_path / "still.png", WHOLE) == 77).all()
    assert Frames(size=(2, 2)).read(tmp_path / "still.png", WHOLE).shape == (3, 2, 2)


def test_frames_and_parts_of_the_sound_show_the_same_moments(tmp_path, write_video):
    """A clip that is dark and silent, then bright and loud, in turns of a quarter of a second."""
    loud = np.array([0, 1, 0, 1])
    frames = np.repeat(loud * 200 + 20, 5).astype(np.uint8)[:, None, None, None]
    sound = np.repeat(loud, 12_000) * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    write_video(tmp_path / "turns.mkv", np.broadcast_to(frames, (20, 32, 48, 3)).copy(), sound, fps=20)
    spectrum = Spectrogram(sample_rate_hz=8000, n_fft=64, hop=40, size=(8, 12), steps=4)
    for sample, turn in ((WHOLE, [0, 1, 0, 1]), (part(0.25, None), [1, 0, 1, 1])):
        pictures = Frames(size=(4, 4), steps=4, duration_s=1.0).read(tmp_path / "turns.mkv", sample)
        sounds = Sound(duration_s=1.0, spectrogram=spectrum).read(tmp_path / "turns.mkv", sample)
        assert (pictures.mean(axis=(1, 2, 3)) > 120).astype(int).tolist() == turn
        heard = (sounds.max(axis=(1, 2, 3)) > 0).astype(int).tolist()
        assert heard[:3] == turn[:3]
        assert heard[3] == (1 if sample is WHOLE else 0)  # past the end pictures stay on, and sound does not


@pytest.mark.parametrize("duration_s", [0.1, 0.5, 2.0])
def test_sound_is_cut_or_continued_by_silence(tmp_path, duration_s):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, 8000, subtype="FLOAT")
    sound = Sound(kind="waveform", duration_s=duration_s, spectrogram=SPECTRUM, bits=32)
    stored = sound.read(tmp_path / "noise.wav", WHOLE)
    expected = np.zeros(round(duration_s * 8000), np.float32)
    expected[:4000] = noise[: len(expected)]
    np.testing.assert_allclose(stored, expected, atol=1e-6)
    assert (stored.shape, stored.dtype) == (sound.shape, sound.dtype)


def test_pictures_of_stored_waveforms_are_those_of_a_stored_spectrogram(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, 4000)
    soundfile.write(tmp_path / "noise.wav", noise, 8000)
    for steps in (None, 3):
        spectrum = Spectrogram(sample_rate_hz=8000, n_fft=64, hop=40, size=(8, 12), steps=steps)
        pictured = Sound(duration_s=0.4, spectrogram=spectrum)
        for bits, tolerance in ((32, 1e-5), (16, 0.02)):
            sampled = Sound(kind="waveform", duration_s=0.4, spectrogram=spectrum, bits=bits)
            stored = np.stack([sampled.read(tmp_path / "noise.wav", part(start, None)) for start in (0.0, 0.1)])
            expected = [pictured.read(tmp_path / "noise.wav", part(start, None)) for start in (0.0, 0.1)]
            np.testing.assert_allclose(sampled.spectrograms(stored), expected, atol=tolerance)
        assert sampled.spectrogram_shape == pictured.shape


def test_sixteen_bits_hold_a_file_of_sixteen_bits(tmp_path):
    samples = np.random.default_rng(0).integers(-32767, 32767, 800).astype(np.int16)
    soundfile.write(tmp_path / "noise.wav", samples, 8000)
    stored = Sound(kind="waveform", duration_s=0.1, spectrogram=SPECTRUM).read(tmp_path / "noise.wav", WHOLE)
    assert np.abs(stored.astype(int) - samples).max() <= 1
    assert np.abs(as_waveforms(stored)).max() <= 1


def test_events_are_counted_from_the_first_to_the_last(tmp_path):
    events = [(5, 9, 1, 1_000_000), (5, 9, 1, 1_100_000), (5, 9, 0, 1_600_000), (100, 9, 1, 2_000_000)]
    write_aedat(tmp_path / "digit.aedat", events)
    frames = EventFrames(sensor=(128, 128), size=(2, 2), bins=2)
    counts = frames.read(tmp_path / "digit.aedat", WHOLE)
    assert (counts.shape, counts.dtype) == (frames.shape, frames.dtype)
    assert counts.sum(axis=(1, 2, 3)).tolist() == [2, 2]
    assert sorted(counts[1].reshape(-1).tolist()) == [0, 0, 0, 0, 0, 0, 1, 1]  # of two polarities and two places
    assert counts[0].max() == 2
    first = EventFrames(sensor=(128, 128), size=(2, 2), bins=1, window_s=0.2, polarities=1)
    assert first.read(tmp_path / "digit.aedat", WHOLE).sum() == 2
    assert first.read(tmp_path / "digit.aedat", part(0.55, None)).sum() == 1
    write_aedat(tmp_path / "none.aedat", [])
    with pytest.raises(ColliculusError, match=r"none\.aedat holds no event"):
        frames.read(tmp_path / "none.aedat", WHOLE)


def test_arrays_are_stored_as_they_are(tmp_path):
    values = np.arange(12, dtype=np.int32).reshape(1, 3, 4)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "b.npz", first=values, second=values + 1)
    storage = StoredArray(shape=(1, 3, 4))
    np.testing.assert_array_equal(storage.read(tmp_path / "a.npy", WHOLE), values)
    np.testing.assert_array_equal(storage.read(tmp_path / "b.npz::second", WHOLE), values + 1)
    with pytest.raises(ColliculusError, match=r"holds the arrays first, second: choose one of them"):
        storage.read(tmp_path / "b.npz", WHOLE)
    with pytest.raises(ColliculusError, match=r"a\.npy has shape \(1, 3, 4\)"):
        StoredArray(shape=(1, 4, 3)).read(tmp_path / "a.npy", WHOLE)
    np.save(tmp_path / "c.npy", values + 0.5)
    with pytest.raises(ColliculusError, match="numbers that uint8 cannot represent"):
        StoredArray(shape=(1, 3, 4), number="uint8").read(tmp_path / "c.npy", WHOLE)
    np.save(tmp_path / "d.npy", np.array([[[object()]]]), allow_pickle=True)
    with pytest.raises(ColliculusError, match=r"d\.npy holds object values"):
        StoredArray(shape=(1, 1, 1)).read(tmp_path / "d.npy", WHOLE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Frames(size=(0, 8)),
        lambda: Frames(steps=0),
        lambda: Frames(rate_hz=2.0),
        lambda: Frames(steps=2, rate_hz=-1.0),
        lambda: Frames(duration_s=0.0),
        lambda: Sound(duration_s=0.0),
        lambda: Sound(kind="waveform", duration_s=None),
        lambda: EventFrames(sensor=(0, 1)),
        lambda: EventFrames(sensor=(8, 8), window_s=0.0),
        lambda: StoredArray(shape=(3, 4)),
    ],
)
def test_settings_that_make_no_sense_are_refused(make):
    with pytest.raises(ColliculusError):
        make()
