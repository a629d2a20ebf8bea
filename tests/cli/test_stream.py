"""`colliculus stream`: the last answer of a window is that of `predict`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from active import awake

from colliculus.cli import main
from colliculus.runs.run import load_model, read_run
from colliculus.runs.weights import save_weights

CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def run(run, tmp_path_factory):
    """A copy of the small run, whose network fires and has answers that differ."""
    folder = tmp_path_factory.mktemp("alive") / "run"
    copytree(run, folder)
    model, trained = load_model(folder), read_run(folder)
    batch = trained.experiment.data.load(trained.normalisation).test.batch(np.arange(6), epoch=0)
    awake(model, batch.inputs)
    torch.nn.init.normal_(model.head.linear.weight, std=0.1, generator=torch.Generator().manual_seed(0))
    save_weights(model, folder / "model.safetensors")
    return str(folder)


@pytest.fixture
def clips(run, tmp_path):
    """Three test clips as files."""
    return read_run(Path(run)).experiment.data.export(tmp_path / "clips", count=3)


def lines(capsys, *arguments):
    assert main(["stream", *map(str, arguments), "--json", *CPU]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_folder_of_clips_has_a_line_for_each(capsys, answer_json, run, clips):
    found = lines(capsys, run, clips[0].parent)
    expected = answer_json("predict", run, str(clips[0].parent), *CPU)["predictions"]
    assert len(found) == len(expected) == 3
    assert len({one["probability"] for one in found}) > 1
    for one, whole in zip(found, expected, strict=True):
        assert (one["source"], one["predicted"]) == (whole["clip"], whole["predicted"])
        assert one["probability"] == pytest.approx(whole["probability"], abs=1e-9)
        assert one["evidence"] == pytest.approx(whole["evidence"], abs=1e-6)
        assert (one["steps"], one["saved"], one["start_s"]) == (2, 0, None)


def test_a_sure_answer_ends_the_window(capsys, run, clips):
    folder = clips[0].parent
    found = lines(capsys, run, folder, "--anytime", "0.01")
    assert [(one["steps"], one["saved"]) for one in found] == [(1, 1)] * 3
    found = lines(capsys, run, folder, "--anytime", "1")
    assert [(one["steps"], one["saved"]) for one in found] == [(2, 0)] * 3
    assert main(["stream", run, str(folder), "--anytime", "0.01", *CPU]) == 0
    assert all(line.endswith("1 of 2 steps") for line in capsys.readouterr().out.splitlines())


def test_a_clip_that_cannot_be_read_is_named_and_the_others_have_answers(capsys, run, clips):
    folder = clips[0].parent
    (folder / "a_first.wav").write_bytes(b"no sound")
    (folder / "z_last.gif").write_bytes(b"no image")
    assert main(["stream", run, str(folder), "--json", *CPU]) == 1
    found = capsys.readouterr()
    assert len(found.out.splitlines()) == 3
    assert "no answer for 'a_first': " in found.err
    assert "no answer for 'z_last': " in found.err
    assert "clips that could not be read: 2" in found.err


def test_clips_none_of_which_can_be_read_are_a_mistake(capsys, run, tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"no sound")
    assert main(["stream", run, str(tmp_path), *CPU]) == 2
    assert "none of the 2 clips could be read: give other files" in capsys.readouterr().err
    assert main(["stream", run, str(tmp_path / "a.wav"), *CPU]) == 2
    err = capsys.readouterr().err
    assert "a.wav" in err
    assert "no answer" not in err


def piped(monkeypatch, *arrays):
    pipe = io.BytesIO()
    for array in arrays:
        np.save(pipe, array)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pipe.getvalue())))


def test_raw_frames_come_through_a_pipe(capsys, answer_json, run, clips, monkeypatch):
    reader = read_run(Path(run)).reader()
    arrays = [reader.read(clip) for clip in reader.group(sorted(clips[0].parent.iterdir())).values()]
    frames = [clip[m][step] for clip in arrays for step in range(2) for m in ("audio", "visual")]
    piped(monkeypatch, *frames)
    found = lines(capsys, run, "-")
    expected = answer_json("predict", run, str(clips[0].parent), *CPU)["predictions"]
    assert [one["probability"] for one in found] == pytest.approx([one["probability"] for one in expected], abs=1e-9)
    piped(monkeypatch, *[clip["visual"][step] for clip in arrays for step in range(2)])
    alone = lines(capsys, run, "-", "--modalities", "visual")
    assert [[*one["evidence"]] for one in alone] == [["visual"]] * 3
    piped(monkeypatch, *frames)
    early = lines(capsys, run, "-", "--anytime", "0.01")
    assert [(one["steps"], one["saved"]) for one in early] == [(1, 1)] * 3


def test_a_pipe_of_overlapping_windows_may_end_after_any_step(capsys, run, clips, monkeypatch):
    reader = read_run(Path(run)).reader()
    arrays = [reader.read(clip) for clip in reader.group(sorted(clips[0].parent.iterdir())).values()]
    frames = [clip[m][step] for clip in arrays for step in range(2) for m in ("audio", "visual")]
    piped(monkeypatch, *frames)
    found = lines(capsys, run, "-", "--stride", "1")
    piped(monkeypatch, *frames[:-2])
    assert lines(capsys, run, "-", "--stride", "1") == found[:4]
    assert len(found) == 5
    piped(monkeypatch, *frames[:-2])
    assert len(lines(capsys, run, "-", "--window", "1")) == 5
    piped(monkeypatch, *frames[:-1])
    assert main(["stream", run, "-", "--stride", "1", *CPU]) == 2
    assert "standard input holds no array of visual" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no array", "standard input holds no array of audio"),
        (np.zeros((2, 16, 16)), r"audio of shape (2, 16, 16) and type float64"),
        (np.zeros((1, 16, 16), dtype=object), "type object"),
        (np.asfortranarray(np.zeros((1, 16, 16))), "in C order"),
        (np.zeros((1, 16, 16), dtype="<M8[s]"), "type datetime64[s]"),
    ],
)
def test_what_does_not_fit_in_a_pipe_is_refused(run, content, sentence, monkeypatch, capsys):
    if isinstance(content, bytes):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    else:
        pipe = io.BytesIO()
        np.save(pipe, content, allow_pickle=True)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pipe.getvalue())))
    assert main(["stream", run, "-", *CPU]) == 2
    assert sentence in capsys.readouterr().err


def test_a_header_that_states_too_much_allocates_nothing(run, monkeypatch, capsys):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999, 999999, 99), }\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert main(["stream", run, "-", *CPU]) == 2
    assert "standard input holds audio of shape (999999999, 999999, 99)" in capsys.readouterr().err


def test_a_frame_that_breaks_off_is_refused(run, monkeypatch, capsys):
    pipe = io.BytesIO()
    np.save(pipe, np.zeros((1, 16, 16)))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pipe.getvalue()[:-8])))
    assert main(["stream", run, "-", *CPU]) == 2
    assert "standard input ends within a frame of audio" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--carry"], "this model attends over all steps, which needs a whole window: leave out `carry`"),
        (["--stride", "1", "--anytime", "0.9"], "`anytime` ends a window early, and these overlap"),
        (["--anytime", "1.5"], "`anytime` is 1.5: choose a probability"),
        (["--modalities", "audio"], "--modalities says what standard input brings"),
        (["--window", "7"], "`window` is 7 and the model has 2 steps"),
    ],
)
def test_options_that_do_not_go_are_refused(run, clips, options, sentence, capsys):
    assert main(["stream", run, str(clips[0].parent), *options, *CPU]) == 2
    assert sentence in capsys.readouterr().err


def test_a_modality_that_a_pipe_cannot_bring_is_refused(run, monkeypatch, capsys):
    piped(monkeypatch, np.zeros((1, 16, 16)))
    assert main(["stream", run, "-", "--modalities", "smell", *CPU]) == 2
    assert "unknown modality 'smell': choose one of audio, visual" in capsys.readouterr().err


def test_windows_overlap(capsys, run, clips):
    found = lines(capsys, run, clips[0].parent, "--stride", "1")
    assert [one["steps"] for one in found] == [2, 2, 2]  # each clip is as long as a window


def test_a_camera_needs_the_extra(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert main(["stream", run, "0", *CPU]) == 2
    assert "pip install 'colliculus[live]'" in capsys.readouterr().err
