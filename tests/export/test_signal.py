"""The page's script reads sound, pictures and arrays as Python does; node runs it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.export.page import reading
from colliculus.media.resize import resize, to_levels
from colliculus.media.spectrogram import Spectrogram

SCRIPT = Path(reading.__file__).parent / "signal.js"
RUN = """
const Signal = require(process.argv[1]);
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const array = (x) => ({ data: [...x.data], shape: x.shape });
const answers = {
  sound: ({ samples, s }) => array(Signal.spectrogram(Signal.waveform(Float32Array.from(samples), s), s)),
  resize: ({ data, c, h, w, size }) => [...Signal.resize(Float32Array.from(data), c, h, w, size)],
  levels: ({ rgba, h, w, s }) => [...Signal.levels(Uint8Array.from(rgba), h, w, s)],
  rint: ({ values }) => values.map(Signal.rint),
  moments: ({ s, seconds }) => Signal.moments(s, seconds),
  npy: ({ bytes }) => array(Signal.npy(Uint8Array.from(bytes).buffer)),
};
console.log(JSON.stringify(asked.map(([what, given]) => answers[what](given))));
"""
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def ask(*questions):
    done = subprocess.run(
        [NODE, "-e", RUN, str(SCRIPT)], input=json.dumps(questions), capture_output=True, check=True, text=True
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
