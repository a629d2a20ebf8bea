"""Long recordings, and a camera: what each window holds, and when."""

from __future__ import annotations

import wave
from itertools import islice

import numpy as np
import pytest
import torch
from active import awake

from colliculus import ColliculusError, DataSpec, LateFusion
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.dataset import Normalisation
from colliculus.evaluation.anytime import outputs_by_step
from colliculus.media.spectrogram import Spectrogram
from colliculus.streaming.follow import follow
from colliculus.streaming.live import live_parts
from colliculus.streaming.sources import Stretch, by_step, file_parts, num_steps
from colliculus.streaming.stream import Stream

RATE, SIZE, T = 8000, (16, 16), 4
SOUND = Sound(spectrogram=Spectrogram(size=SIZE, steps=T, sample_rate_hz=RATE), duration_s=1.0)
FRAMES = Frames(size=SIZE, steps=T, duration_s=1.0)
SPEC = DataSpec(
    channels={"audio": 1, "visual": 3},
    sizes={"audio": SIZE, "visual": SIZE},
    steps={"audio": T, "visual": T},
    num_classes=3,
)
UNCHANGED = Normalisation(mean={}, std={})


def network(modalities=("audio", "visual"), **settings):
    torch.manual_seed(0)
    keep = {m: SPEC.channels[m] for m in modalities}
    sizes, steps = (dict.fromkeys(modalities, value) for value in (SIZE, T))
    spec = DataSpec(channels=keep, sizes=sizes, steps=steps, num_classes=3)
    model = LateFusion(dim=16, encoder="shallow", **settings).model(spec)
    awake(model, {m: torch.randn(T, 6, c, *SIZE) * 3 for m, c in keep.items()})
    torch.nn.init.normal_(model.head.linear.weight)
    return model


def write_sound(path, seconds):
    """Tones that change every half second."""
    at = np.arange(round(seconds * RATE)) / RATE
    pitch = 300 * (1 + np.floor(at * 2))
    samples = (20000 * np.sin(2 * np.pi * pitch * at)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


@pytest.mark.parametrize(("seconds", "starts"), [(1.0, 1), (1.4, 1), (2.4, 2), (3.6, 4), (0.4, 1)])
def test_a_recording_has_a_window_for_each_second(tmp_path, seconds, starts) -> None:
    model, path = network(["audio"]), write_sound(tmp_path / "long.wav", seconds)
    reader = StorageReader({"audio": SOUND})
    stream = Stream(model, T)
    answers = [*follow(stream, file_parts(stream, [path], reader, UNCHANGED))]
    assert [(a.start_s, a.end_s) for a in answers] == [(float(k), k + 1.0) for k in range(starts)]
    clip = reader.group([path])["long"]
    for k, found in enumerate(answers):
        part = (None, None) if starts == 1 else (float(k), k + 1.0)
        x = torch.from_numpy(reader.read(clip, *part)["audio"])[:, None]
        share = outputs_by_step(model, {"audio": x}, T)[-1].logits.softmax(1).max().item()
        assert found.probability == pytest.approx(share, abs=1e-6)
    if starts > 1:
        assert len({a.probability for a in answers}) > 1


def test_overlapping_windows_of_a_recording_have_no_gap(tmp_path) -> None:
    path = write_sound(tmp_path / "long.wav", 3.0)
    reader = StorageReader({"audio": SOUND})
    stream = Stream(network(["audio"]), T, stride=2)
    answers = [*follow(stream, file_parts(stream, [path], reader, UNCHANGED))]
    assert [(a.start_s, a.end_s) for a in answers] == [(k / 2, k / 2 + 1) for k in range(5)]
    whole = Stream(network(["audio"]), T)
    apart = [*follow(whole, file_parts(whole, [path], reader, UNCHANGED))]
    assert [a.probability for a in answers[::2]] == pytest.approx([a.probability for a in apart])
    endless = Stream(network(["audio"]), T, carry=True)
    found = [*follow(endless, file_parts(endless, [path], reader, UNCHANGED))]
    assert [(a.start_s, a.end_s) for a in found] == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    assert found[0].probability == pytest.approx(apart[0].probability)
    assert found[1].probability != apart[1].probability


def test_a_recording_that_breaks_off_has_the_answers_before(tmp_path, monkeypatch) -> None:
    path, reader, told = write_sound(tmp_path / "long.wav", 3.0), StorageReader({"audio": SOUND}), []
    stream, read = Stream(network(["audio"]), T), StorageReader.read

    def breaks(self, clip, start_s=None, end_s=None):
        if start_s == 2.0:
            raise ColliculusError("damaged")
        return read(self, clip, start_s, end_s)

    monkeypatch.setattr("colliculus.streaming.sources.apart", lambda _, what, *given: what(*given))
    monkeypatch.setattr(StorageReader, "read", breaks)
    parts = file_parts(stream, [path], reader, UNCHANGED, lambda name, error: told.append((name, str(error))))
    assert [answer.start_s for answer in follow(stream, parts)] == [0.0, 1.0]
    assert told == [("long", "damaged")]
    with pytest.raises(ColliculusError, match="damaged"):
        list(file_parts(stream, [path], reader, UNCHANGED))


def test_a_clip_of_other_modalities_or_shapes_is_left_out(tmp_path) -> None:
    for name, shape in (("a", (T, 1, 8, 8)), ("b", (T + 1, 1, *SIZE)), ("c", (T, 1, *SIZE))):
        np.save(tmp_path / f"{name}.audio.npy", np.ones(shape, np.float32))

    class Arrays:
        """Reads arrays as they are."""

        def knows(self, file):
            return file.suffix == ".npy"

        def group(self, files):
            return {file.name[0]: file for file in files}

        def read(self, clip):
            return {"touch" if clip.name == "d.npy" else "audio": np.load(clip)}

    np.save(tmp_path / "d.npy", np.ones((1, 2, 2)))
    stream, told = Stream(network(["audio"]), T), {}
    parts = file_parts(stream, [tmp_path], Arrays(), UNCHANGED, lambda name, error: told.update({name: str(error)}))
    assert [answer.source for answer in follow(stream, parts)] == ["c"]
    assert "audio brings frames of shape (5, 1, 1, 16, 16)" not in told["b"]
    assert told["a"].startswith("audio brings frames of shape (4, 1, 1, 8, 8)")
    assert told["b"].startswith("audio has shape (5, 1, 1, 16, 16), and its data declare 4 time steps")
    assert told["d"] == "the clip has no modality of the model: give audio"


class Recorded:
    """A camera whose frames have the colour of their moment, and a microphone with noise."""

    def __init__(self):
        self.asked = []

    def record(self, length_s, moments_s, sample_rate_hz):
        self.asked.append((length_s, tuple(moments_s), sample_rate_hz))
        frames = [np.full((20, 30, 3), round(200 * moment), np.uint8) for moment in moments_s]
        noise = np.random.default_rng(len(self.asked)).normal(0, 0.3, round(length_s * (sample_rate_hz or 0)))
        return frames, noise.astype(np.float32)


def test_a_camera_and_a_microphone_give_window_after_window() -> None:
    model, recorder = network(), Recorded()
    stream = Stream(model, T)
    reader = StorageReader({"audio": SOUND, "visual": FRAMES})
    parts = live_parts(stream, recorder, reader, UNCHANGED)
    first, second = islice(follow(stream, parts), 2)
    assert recorder.asked == [(1.0, (0.125, 0.375, 0.625, 0.875), RATE)] * 2
    assert (first.start_s, second.start_s, second.end_s) == (0.0, 1.0, 2.0)
    assert first.probability != second.probability
    levels = torch.tensor([25.0, 75.0, 125.0, 175.0]).view(T, 1, 1, 1, 1).expand(T, 1, 3, *SIZE)
    noise = np.clip(np.random.default_rng(1).normal(0, 0.3, RATE).astype(np.float32), -1, 1)
    heard = torch.from_numpy(SOUND.spectrogram(noise))[:, None]
    share = outputs_by_step(model, {"audio": heard, "visual": levels}, T)[-1].logits.softmax(1).max().item()
    assert first.probability == pytest.approx(share, abs=1e-6)


def test_live_data_are_images_and_sound() -> None:
    stream = Stream(network(["audio"]), T)
    reader = StorageReader({"audio": StoredArray(shape=(1, 16, 16))})
    with pytest.raises(ColliculusError, match="was not trained on images and sound"):
        next(live_parts(stream, Recorded(), reader, UNCHANGED))


def test_a_microphone_has_one_sample_rate() -> None:
    slow = Sound(spectrogram=Spectrogram(size=SIZE, steps=T, sample_rate_hz=RATE // 2), duration_s=1.0)
    reader = StorageReader({"audio": SOUND, "visual": slow})
    with pytest.raises(ColliculusError, match="this run hears at 4000 and 8000 Hz, and a microphone records at one"):
        next(live_parts(Stream(network(), T), Recorded(), reader, UNCHANGED))


@pytest.mark.parametrize(
    ("window", "ends"), [(2, (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)), (3, (0.75, 1.5, 2.25, 3.0)), (4, (1.0, 2.0, 3.0))]
)
def test_shorter_windows_pass_over_no_frame(tmp_path, window, ends) -> None:
    path = write_sound(tmp_path / "long.wav", 3.0)
    reader = StorageReader({"audio": SOUND})
    model = network(["audio"])
    stream = Stream(model, T, window=window)
    answers = [*follow(stream, file_parts(stream, [path], reader, UNCHANGED))]
    assert [(a.start_s, a.end_s) for a in answers] == [(end - window / T, end) for end in ends]
    clip = reader.group([path])["long"]
    parts = [torch.from_numpy(reader.read(clip, float(k), k + 1.0)["audio"])[:, None] for k in range(3)]
    for x, found in zip(torch.cat(parts).split(window), answers, strict=True):
        whole = torch.cat([x, x[-1:].expand(T - window, *x.shape[1:])])
        share = outputs_by_step(model, {"audio": whole}, T)[window - 1].logits.softmax(1).max().item()
        assert found.probability == pytest.approx(share, abs=1e-6)
    assert len({a.probability for a in answers}) > 1


def test_shorter_windows_cannot_be_passed_over_nor_hold_resampled_frames() -> None:
    stream = Stream(network(["audio"]), T, window=2)
    with pytest.raises(
        ColliculusError, match="`anytime` ends a window early, and these overlap, have no end or are no"
    ):
        follow(stream, [], anytime=0.9)
    spec = DataSpec(channels={"audio": 1}, sizes={"audio": SIZE}, steps={"audio": 6}, num_classes=3)
    stream = Stream(LateFusion(dim=16, encoder="shallow").model(spec), T, window=2)
    with pytest.raises(ColliculusError, match="audio has 6 frames in a window of 4 steps"):
        follow(stream, [])


def endless_of(steps):
    sizes = dict.fromkeys(steps, SIZE)
    spec = DataSpec(channels=dict.fromkeys(steps, 1), sizes=sizes, steps=steps, num_classes=3)
    return Stream(LateFusion(dim=16, encoder="shallow").model(spec), T, carry=True)


def test_the_steps_of_an_endless_stream_are_as_long_as_its_frames() -> None:
    stream, inputs = endless_of({"audio": 8}), {"audio": torch.rand(8, 1, 1, *SIZE)}
    part = Stretch("clip", 0.0, 2.0, num_steps(stream, inputs), by_step(stream, inputs))
    assert [(a.start_s, a.end_s) for a in follow(stream, [part])] == [(0.0, 1.0), (1.0, 2.0)]


def test_modalities_with_other_numbers_of_frames_have_no_common_step_without_an_end() -> None:
    stream = endless_of({"audio": 8, "visual": 4})
    inputs = {m: torch.rand(n, 1, 1, *SIZE) for m, n in stream.model.spec.steps.items()}
    with pytest.raises(
        ColliculusError, match="a clip has 8 of audio and 4 of visual, and every step takes one of each"
    ):
        next(by_step(stream, inputs))
