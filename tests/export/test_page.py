"""The page runs the network in a browser as Python does, asks for nothing from outside, and fits every window."""

from __future__ import annotations

import base64
import importlib.util
import json
import wave
from dataclasses import replace
from pathlib import Path
from shutil import copy
from typing import Any

import av
import numpy as np
import pytest
import torch
from active import assert_active
from exported_runs import PAIR, run_of, small, synthetic_run

import colliculus
from colliculus import ColliculusError
from colliculus.export.comparison import answers
from colliculus.export.page import runtime, write
from colliculus.export.page.reading import reading_of
from colliculus.export.page.target import ToPage

FAKE = {name: f"/* {name} </script> */".encode() for name in runtime.FILES}
KINDS = {".wav": "audio/wav", ".gif": "image/gif", ".webm": "video/webm", ".mp4": "video/mp4"}
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
BYTES = """
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const opened = (files) => files.map(([name, type, text]) => new File([bytes(text)], name, { type }));
"""
CLASSIFY = """(async () => {
  const files = opened(FILES);
  await Page.take(Page.read(files));
  const { inputs } = await Page.read(files);
  const { logits, steps, evidence } = await Page.classify(inputs);
  const alone = (await Page.classify({ visual: inputs.visual })).logits;
  const shown = document.getElementById("class").textContent;
  return JSON.stringify({ logits, steps, evidence, alone, shown });
})()"""

UNREADABLE = """(async () => {
  await Page.take(Page.read(opened([["a.png", "image/png", btoa("no image")]])));
  return JSON.stringify([document.getElementById("status").textContent, document.getElementById("result").hidden]);
})()"""
READ = """Page.read(opened(FILES)).then(({ inputs }) => JSON.stringify(
  Object.fromEntries(Object.entries(inputs).map(([m, x]) => [m, [...x.data]]))))"""
TAKE = """(async () => {
  await Page.take(Page.read(opened(FILES)));
  const absent = [...document.querySelectorAll("#modalities .absent")].map((label) => label.textContent);
  const [status, result] = ["status", "result"].map((id) => document.getElementById(id));
  return JSON.stringify([status.textContent, result.hidden, absent]);
})()"""
RECORD = """(async () => {
  document.getElementById("record").click();
  const status = document.getElementById("status");
  for (let i = 0; i < 300 && !status.textContent.startsWith("Answered"); i++)
    await new Promise((go) => setTimeout(go, 100));
  return JSON.stringify([status.textContent, document.querySelectorAll("#inputs canvas").length]);
})()"""


def chromium():
    """The module of the headless browser; tests are no packages."""
    path = Path(__file__).parents[1] / "cli" / "chromium.py"
    spec = importlib.util.spec_from_file_location("chromium", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_cannot_leave_their_place(tmp_path) -> None:
    spec = replace(PAIR, class_names=("</script><b>", "{{facts}}", "c", "d"))
    run = run_of(tmp_path, small("late-fusion"), spec)
    page = write.page(run, {"audio+visual": b"network"}, FAKE, {"audio": [1, 16, 16], "visual": [3, 16, 16]})
    assert page.count("<script") == page.count("</script>") == 7
    (facts,) = [part.split("</script>")[0] for part in page.split('id="facts">')[1:]]
    assert json.loads(facts)["classes"] == ["</script><b>", "{{facts}}", "c", "d"]
    assert json.loads(facts)["reading"] == {"audio": {"kind": "array"}, "visual": {"kind": "array"}}
    assert "http:" not in page
    assert "https:" not in page


def test_files_are_read_as_in_training(tmp_path) -> None:
    reading = reading_of(synthetic_run(tmp_path))
    assert (reading["audio"]["kind"], reading["audio"]["steps"], reading["audio"]["sample_rate_hz"]) == (
        "sound",
        3,
        8000,
    )
    assert (reading["visual"]["kind"], reading["visual"]["channels"], reading["visual"]["steps"]) == ("frames", 1, 3)


def test_the_runtime_is_that_of_one_version(tmp_path, monkeypatch) -> None:
    with pytest.raises(ColliculusError, match=r"ort.wasm.min.js cannot be read .* as --runtime"):
        runtime.runtime_files(tmp_path)
    for name, content in FAKE.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ColliculusError, match=r"is not that of onnxruntime-web 1.30.0"):
        runtime.runtime_files(tmp_path)
    asked = []
    monkeypatch.setattr(runtime, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(
        runtime, "FILES", {"ort.wasm.min.js": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"}
    )

    def download(urls, target, *, sha256, remedy):
        asked.extend(urls)
        target.parent.mkdir()
        target.write_bytes(b"1")

    monkeypatch.setattr(runtime, "download", download)
    assert runtime.runtime_files(None) == runtime.runtime_files(None) == {"ort.wasm.min.js": b"1"}
    assert asked == [
        "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/ort.wasm.min.js",
        "https://unpkg.com/onnxruntime-web@1.30.0/dist/ort.wasm.min.js",
    ]


def test_many_modalities_are_refused() -> None:
    assert len(write.sets_of(("a", "b", "c"))) == 7
    with pytest.raises(ColliculusError, match="the run has 4 modalities"):
        write.sets_of(("a", "b", "c", "d"))
    with pytest.raises(ColliculusError, match="`check` is 0"):
        ToPage(check=0)


@pytest.mark.slow
def test_the_browser_answers_as_python(tmp_path) -> None:
    browser, program = headless()
    run = synthetic_run(tmp_path / "run")
    exported = colliculus.export(run, to=ToPage(check=8))
    assert exported.passed
    assert len(exported.checks) == 3
    files = run.experiment.data.export(tmp_path / "clips", count=6)
    (tmp_path / "profile").mkdir()
    browser.FLAGS = (*FAKE_CAMERA, *browser.FLAGS)
    with browser.Browser(program, tmp_path / "profile") as page:
        for width in (400, 1000, 1600):
            seen = page.open(Path(exported.out), width)
            assert seen["page"] == seen["window"]
        page._call("Runtime.evaluate", expression=BYTES)
        evaluated(page, "Page.ready.then(() => '0')")
        status, canvases = evaluated(page, RECORD)
        assert status.endswith("from audio and visual.")
        assert canvases == 6
        assert_silent_video_has_pictures(tmp_path / "clip.webm", run, page)
        for stem in sorted({file.stem for file in files}):
            assert_same([file for file in files if file.stem == stem], run, page)
        for rate_hz in (44100, 48000):
            assert_same(at_rate(files[:2], rate_hz, tmp_path / str(rate_hz)), run, page)
        status, hidden = evaluated(page, UNREADABLE)
        assert status.startswith("a.png cannot be read")
        assert hidden, "the answer of the clip before stays"
        assert page.complaints() == []
        assert {url.split(":")[0] for url in page.requests()} <= {"file", "blob"}


@pytest.mark.slow
def test_what_the_browser_cannot_decode_is_said(tmp_path) -> None:
    browser, program = headless()
    run = synthetic_run(tmp_path / "run")
    exported = colliculus.export(run, to=ToPage(check=1))
    (sound,) = (f for f in run.experiment.data.export(tmp_path / "clips", count=1) if f.suffix == ".wav")
    heard, silent = (mpeg4(tmp_path / name, sound=name == "heard.mp4") for name in ("heard.mp4", "silent.mp4"))
    unseen = "as visual: this browser finds no video that it can decode; convert it to H.264 or VP9."
    unheard = "silent.mp4 cannot be read as audio: this browser finds no sound that it can decode."
    (tmp_path / "profile").mkdir()
    with browser.Browser(program, tmp_path / "profile") as page:
        page.open(Path(exported.out), 1000)
        page._call("Runtime.evaluate", expression=BYTES)
        evaluated(page, "Page.ready.then(() => '0')")
        status, hidden, absent = evaluated(page, TAKE.replace("FILES", as_files([heard])))
        assert status.endswith(f"from audio. heard.mp4 cannot be read {unseen}")
        assert (hidden, absent) == (False, ["visual"])
        status, hidden, absent = evaluated(page, TAKE.replace("FILES", as_files([silent])))
        assert sorted(status.split(" silent")) == sorted(
            f"{unheard} silent.mp4 cannot be read {unseen}".split(" silent")
        )
        assert (hidden, absent) == (True, ["audio", "visual"])
        status, hidden, absent = evaluated(page, TAKE.replace("FILES", as_files([silent, sound])))
        assert "from audio. " in status
        assert f"silent.mp4 cannot be read {unseen}" in status
        assert (hidden, absent) == (False, ["visual"])


def headless():
    """The module of the headless browser and its program; skips where it or the runtime is missing."""
    browser = chromium()
    if (program := browser.find()) is None:
        pytest.skip("Chromium is not installed")
    if not all((runtime.cache_folder() / name).exists() for name in runtime.FILES):
        pytest.skip("onnxruntime-web is not in the cache: export a page once")
    return browser, program


def evaluated(page, expression: str) -> Any:
    """The value of a promise of JSON in the page."""
    told = page._call("Runtime.evaluate", expression=expression, awaitPromise=True)["result"]
    assert "value" in told, told
    return json.loads(told["value"])


def as_files(files) -> str:
    """Files for the page's script."""
    return json.dumps([[f.name, KINDS[f.suffix], base64.b64encode(f.read_bytes()).decode()] for f in files])


def at_rate(files, rate_hz: int, folder: Path) -> list[Path]:
    """A clip with other sound, of another rate: a tone and noise up to half of the rate."""
    at = np.arange(round(1.3 * rate_hz)) / rate_hz
    sound = 0.3 * np.sin(2 * np.pi * 700 * at * (1 + at)) + 0.1 * np.random.default_rng(0).normal(size=len(at))
    folder.mkdir()
    with wave.open(str(folder / "clip.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.rint(32767 * sound.clip(-1, 1)).astype("<i2").tobytes())
    (image,) = [path for path in files if path.suffix != ".wav"]
    return [folder / "clip.wav", Path(copy(image, folder / f"clip{image.suffix}"))]


def mpeg4(path: Path, *, sound: bool) -> Path:
    """One second of MPEG-4 Part 2, which browsers do not decode, with or without a tone."""
    with av.open(str(path), "w") as file:
        track = file.add_stream("mpeg4", rate=10)
        track.width, track.height, track.pix_fmt = 64, 64, "yuv420p"
        tone = file.add_stream("aac", rate=44100, layout="mono") if sound else None
        for t in range(10):
            file.mux(track.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 25 * t, np.uint8), "rgb24")))
        file.mux(track.encode())
        if tone is not None:
            wave_form = np.sin(np.arange(44100) * 2 * np.pi * 440 / 44100, dtype=np.float32)[None]
            samples = av.AudioFrame.from_ndarray(wave_form, format="fltp", layout="mono")
            samples.sample_rate = 44100
            file.mux(tone.encode(samples))
            file.mux(tone.encode())
    return path


def assert_silent_video_has_pictures(path: Path, run, page) -> None:
    """A video without sound gives the pictures that Python reads, and no other modality."""
    with av.open(str(path), "w") as video:
        track = video.add_stream("libvpx", rate=10)
        track.width, track.height, track.pix_fmt = 64, 64, "yuv420p"
        for t in range(10):
            frame = np.zeros((64, 64, 3), np.uint8)
            frame[:, : 6 * t] = 255
            video.mux(track.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        video.mux(track.encode())
    found, reader = evaluated(page, READ.replace("FILES", as_files([path]))), run.run.reader()
    (clip,) = reader.group([path]).values()
    expected = reader.read(clip)["visual"]
    assert list(found) == ["visual"]
    assert expected.std() > 50
    np.testing.assert_allclose(found["visual"], expected.ravel(), atol=3)


def assert_same(files, run, page) -> None:
    """The page's answer for one clip is that of the network in PyTorch."""
    found = evaluated(page, CLASSIFY.replace("FILES", as_files(files)))
    reader, normalisation = run.run.reader(), run.run.normalisation
    (clip,) = reader.group(files).values()
    inputs = {m: torch.from_numpy(np.array(normalisation(m, x)))[:, None] for m, x in reader.read(clip).items()}
    expected, alone = answers(run.model, inputs), answers(run.model, {"visual": inputs["visual"]})
    assert_active(expected["logits"])
    assert found["shown"] == run.run.spec.names[int(expected["logits"].argmax())]
    np.testing.assert_allclose(found["logits"], expected["logits"][0], atol=1e-2)
    np.testing.assert_allclose(found["alone"], alone["logits"][0], atol=1e-2)
    np.testing.assert_allclose(found["steps"], expected["step_logits"][:, 0], atol=1e-2)
    for m in inputs:
        np.testing.assert_allclose(found["evidence"][m], expected[f"evidence.{m}"][:, 0], atol=1e-2)
