"""The page's script reads sound, pictures and arrays as Python does; node runs it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.export.page import reading
from colliculus.media.resize import resize, to_levels
from colliculus.media.sound import read_sound
from colliculus.media.spectrogram import Spectrogram
from colliculus.media.window import Window

SCRIPTS = Path(reading.__file__).parent
RUN = """
const Signal = require(process.argv[1] + "/signal.js"), Rates = require(process.argv[1] + "/rates.js");
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const array = (x) => ({ data: [...x.data], shape: x.shape });
const answers = {
  sound: ({ samples, s }) => array(Signal.spectrogram(Signal.waveform(Float32Array.from(samples), s), s)),
  resize: ({ data, c, h, w, size }) => [...Signal.resize(Float32Array.from(data), c, h, w, size)],
  levels: ({ rgba, h, w, s }) => [...Signal.levels(Uint8Array.from(rgba), h, w, s)],
  rint: ({ values }) => values.map(Signal.rint),
  moments: ({ s, seconds }) => Signal.moments(s, seconds),
  resampled: ({ samples, from, to }) => [...Rates.resampled(Float32Array.from(samples), from, to)],
  stated: ({ bytes }) => Rates.stated(Uint8Array.from(bytes)),
  npy: ({ bytes }) => array(Signal.npy(Uint8Array.from(bytes).buffer)),
};
console.log(JSON.stringify(asked.map(([what, given]) => answers[what](given))));
"""
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def ask(*questions):
    done = subprocess.run(
        [NODE, "-e", RUN, str(SCRIPTS)], input=json.dumps(questions), capture_output=True, check=True, text=True
    )
    return json.loads(done.stdout)


SOUNDS = {
    "whole clip": Sound(
        spectrogram=Spectrogram(sample_rate_hz=8000, n_fft=256, hop=100, size=(24, 20)), duration_s=None
    ),
    "steps": Sound(
        spectrogram=Spectrogram(sample_rate_hz=8000, n_fft=200, hop=64, size=(24, 20), steps=3), duration_s=0.5
    ),
    "mel": Sound(
        spectrogram=Spectrogram(sample_rate_hz=8000, n_fft=256, hop=100, scale="mel", size=(40, 20)), duration_s=1.5
    ),
    "waveform": Sound(
        kind="waveform",
        spectrogram=Spectrogram(sample_rate_hz=8000, n_fft=256, hop=100, size=(129, 41)),
        duration_s=0.5,
    ),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_a_spectrogram_is_that_of_python(name) -> None:
    sound = SOUNDS[name]
    rng = np.random.default_rng(0)
    samples = (0.4 * np.sin(np.arange(8003) ** 1.4 / 20) + 0.1 * rng.normal(size=8003)).astype(np.float32)
    fixed = np.zeros(sound.samples or len(samples), dtype=np.float32)
    fixed[: len(samples)] = np.clip(samples, -1, 1)[: len(fixed)]
    stored = np.rint(fixed * 32767).astype(np.int16) if sound.kind == "waveform" else fixed
    expected = sound.spectrograms(stored[None])[0]
    (found,) = ask(["sound", {"samples": samples.tolist(), "s": reading._plain(sound)}])
    assert expected.std() > 0.1
    assert found["shape"] == list(expected.shape)
    np.testing.assert_allclose(np.reshape(found["data"], expected.shape), expected, atol=5e-4)


def test_resizing_is_that_of_python() -> None:
    rng = np.random.default_rng(0)
    cases = [((2, 9, 17), (5, 5)), ((1, 4, 6), (9, 13)), ((3, 8, 8), (8, 3)), ((1, 5, 5), (1, 1))]
    images = [rng.normal(size=shape).astype(np.float32) for shape, _ in cases]
    asked = [
        ["resize", {"data": x.ravel().tolist(), "c": x.shape[0], "h": x.shape[1], "w": x.shape[2], "size": size}]
        for x, (_, size) in zip(images, cases, strict=True)
    ]
    for found, image, (_, size) in zip(ask(*asked), images, cases, strict=True):
        expected = resize(image, size)
        np.testing.assert_allclose(np.reshape(found, expected.shape), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_have_the_levels_of_python(channels) -> None:
    frame = np.random.default_rng(0).integers(0, 256, size=(13, 21, 3), dtype=np.uint8)
    rgba = np.concatenate([frame, np.full((13, 21, 1), 255, dtype=np.uint8)], axis=-1)
    storage = Frames(size=(6, 7), channels=channels)
    expected = to_levels(frame, storage.size, channels)
    (found,) = ask(["levels", {"rgba": rgba.ravel().tolist(), "h": 13, "w": 21, "s": reading._plain(storage)}])
    differing = np.abs(np.reshape(found, expected.shape) - expected)
    assert differing.max() <= 1  # where rounding of a half may go either way
    assert (differing > 0).mean() < 0.01


def test_halves_are_rounded_to_the_even_number() -> None:
    values = [0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6, 7.0]
    assert ask(["rint", {"values": values}]) == [np.rint(values).tolist()]


def test_moments_are_the_middles_of_parts_or_at_a_rate() -> None:
    even, rate, short = (
        reading._plain(Frames(steps=4)),
        reading._plain(Frames(steps=3, rate_hz=2.0)),
        reading._plain(Frames(duration_s=1.0)),
    )
    asked = [["moments", {"s": s, "seconds": 2.0}] for s in (even, rate, short)]
    assert ask(*asked) == [[0.25, 0.75, 1.25, 1.75], [0, 0.5, 1.0], [0.5]]


def test_arrays_are_read() -> None:
    arrays = [
        np.linspace(-1, 1, 6, dtype=np.float32).reshape(1, 2, 3),
        np.arange(6, dtype=np.uint8).reshape(2, 3, 1),
        np.arange(4, dtype=np.float64) / 3,
    ]
    files = []
    for array in arrays:
        file = io.BytesIO()
        np.save(file, array)
        files.append(["npy", {"bytes": list(file.getvalue())}])
    for found, array in zip(ask(*files), arrays, strict=True):
        assert found["shape"] == list(array.shape)
        np.testing.assert_array_equal(np.reshape(found["data"], array.shape), array.astype(np.float32))


def write_sound(path, rate_hz, codec, samples):
    """A file of these samples, in [-1, 1]."""
    with av.open(str(path), "w") as file:
        layout = "stereo" if codec == "vorbis" else "mono"  # FFmpeg's own encoder knows no other
        track = file.add_stream(codec, rate=rate_hz, layout=layout, options={"strict": "experimental"})
        resampler = av.AudioResampler(format=track.format, layout=layout, rate=rate_hz)  # of the format alone
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="flt", layout="mono")
        frame.sample_rate = rate_hz
        for part in (*resampler.resample(frame), None):
            file.mux(track.encode(part))


def chirp(count):
    rng = np.random.default_rng(0)
    return (0.3 * np.sin(np.arange(count) ** 1.3 / 30) + 0.1 * rng.normal(size=count)).astype(np.float32)


@pytest.mark.parametrize(("rate", "to"), [(44100, 8000), (48000, 16000), (22050, 16000), (8000, 16000), (11025, 8000)])
def test_resampling_is_that_of_python(rate, to, tmp_path) -> None:
    samples = chirp(rate // 5 + 7)
    write_sound(tmp_path / "a.wav", rate, "pcm_f32le", samples)
    expected = read_sound(tmp_path / "a.wav", Window(), to)
    (found,) = ask(["resampled", {"samples": samples.tolist(), "from": rate, "to": to}])
    assert expected.std() > 0.05
    assert 0 <= len(found) - len(expected) <= 1  # Python leaves out half a sample at the end
    np.testing.assert_allclose(found[: len(expected)], expected, atol=2e-7)


def test_a_sound_shorter_than_the_filter_is_resampled() -> None:
    short, single = ask(*(["resampled", {"samples": x, "from": 44100, "to": 8000}] for x in ([0.5] * 9, [0.5])))
    np.testing.assert_allclose(short + single, 0.5, atol=1e-3)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.ogg", "vorbis"), ("a.opus", "libopus")),
        *(("a.webm", "vorbis"), ("b.webm", "libopus"), ("a.mp4", "aac"), ("a.mp3", "libmp3lame")),
    ],
)
def test_a_file_states_its_rate(name, codec, rate, tmp_path) -> None:
    if codec == "libopus":
        rate = 48000  # it knows no other
    write_sound(tmp_path / name, rate, codec, chirp(rate // 2))
    assert ask(["stated", {"bytes": list((tmp_path / name).read_bytes())}]) == [rate]


def test_a_file_of_another_kind_states_no_rate() -> None:
    assert ask(["stated", {"bytes": list(b"GIF89a" + bytes(64))}], ["stated", {"bytes": []}]) == [None, None]
