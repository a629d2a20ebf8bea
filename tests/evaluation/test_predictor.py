"""Predictions through the ONNX file beside a run: those of PyTorch, without PyTorch, and never of other weights."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch
from exported_runs import synthetic_run

from colliculus import ColliculusError, export, load
from colliculus.evaluation.clip_files import Arrays
from colliculus.evaluation.clip_predictions import ClipPrediction
from colliculus.evaluation.onnx_program import OnnxRun
from colliculus.evaluation.predictor import Predictor, Program
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.onnx.target import ToONNX
from colliculus.runs.names import MODEL_FILE, ONNX_FILE
from colliculus.runs.weights import save_weights

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run whose network fires, with its ONNX file beside it, and a folder of clips."""
    folder = tmp_path_factory.mktemp("onnx")
    run = synthetic_run(folder)
    assert export(run, to="onnx").passed
    run.experiment.data.export(folder.parent / "clips", count=6)
    return folder, folder.parent / "clips"


@pytest.fixture
def run(made, tmp_path):
    """A copy of the run, to change."""
    return Path(shutil.copytree(made[0], tmp_path / "run"))


def test_predictions_are_those_of_torch(made):
    folder, clips = made
    quick, slow = (Predictor(folder=folder, program=program).predict(clips) for program in ("onnx", "torch"))
    assert len(quick.predictions) == 6
    assert len({one.probability for one in slow.predictions}) == 6
    assert (quick.run, quick.modalities) == (slow.run, slow.modalities)
    for ours, theirs in zip(quick.predictions, slow.predictions, strict=True):
        assert (ours.clip, ours.predicted, ours.missing) == (theirs.clip, theirs.predicted, theirs.missing)
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-5)
        assert ours.evidence == pytest.approx(theirs.evidence, abs=1e-5)
        assert ours.step_probabilities == pytest.approx(theirs.step_probabilities, abs=1e-5)


def test_a_command_imports_no_torch_and_its_decoder_is_forked(made):
    folder, clips = made
    program = (
        "import sys; from colliculus.cli import main\n"
        f"code = main(['predict', {str(folder)!r}, {str(clips)!r}, '--json'])\n"
        "from colliculus.media.apart import _helpers\n"
        "print(code, 'torch' in sys.modules, type(_helpers[0].process).__name__, file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stderr == f"0 False {'Fork' if sys.platform == 'linux' else 'Spawn'}Process\n"
    expected = Predictor(folder=folder, program="onnx").predict(clips)
    assert json.loads(found.stdout) == json.loads(json.dumps(expected.to_dict()))


def test_clips_that_lack_a_modality_are_answered_by_torch_and_the_others_are_not(made, monkeypatch):
    folder, clips = made
    first, *others = sorted(clips.glob("*.wav"))
    images = [image for image in clips.iterdir() if image.suffix != ".wav" and image.stem != first.stem]
    given, by_torch = [first, *others, *images], list[str]()

    def classify_arrays(self: TrainedRun, names: tuple[str, ...], arrays: Arrays) -> list[ClipPrediction]:
        by_torch.extend(names)
        return known(self, names, arrays)

    known = TrainedRun.classify_arrays
    expected = load(folder, "cpu").predict(given)
    monkeypatch.setattr(TrainedRun, "classify_arrays", classify_arrays)
    found = Predictor(folder=folder).predict(given)
    assert by_torch == [first.stem]
    assert [(one.clip, one.missing) for one in found.predictions][:2] == [
        (first.stem, ("visual",)),
        (others[0].stem, ()),
    ]
    for ours, theirs in zip(found.predictions, expected.predictions, strict=True):
        assert (ours.clip, ours.predicted, ours.missing) == (theirs.clip, theirs.predicted, theirs.missing)
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-5)
    alone = Predictor(folder=folder, program="onnx").predict(given)
    assert len(alone.predictions) == len(others)
    assert re.search(r"lacks visual, which .* takes: give it, or leave out --program", alone.unread[first.stem])


def test_a_run_without_weights_is_refused_by_every_program(run, made):
    (run / MODEL_FILE).unlink()
    for program in get_args(Program):
        with pytest.raises(ColliculusError, match=f"{MODEL_FILE}"):
            Predictor(folder=run, program=program).predict(made[1])


def refused(folder, clips, sentence, capsys):
    """The file is not used: a remark says why, and asking for it is an error."""
    capsys.readouterr()
    expected = load(folder, "cpu").predict(clips)
    assert Predictor(folder=folder).predict(clips) == expected
    assert f"PyTorch computes the network, because {folder / ONNX_FILE} {sentence}" in capsys.readouterr().err
    with pytest.raises(ColliculusError, match=sentence):
        Predictor(folder=folder, program="onnx").predict(clips)


def test_a_file_of_other_weights_is_not_used(run, made, capsys):
    model = load(run, "cpu").model
    with torch.no_grad():
        model.head.linear.bias.add_(torch.arange(4.0))
    save_weights(model, run / MODEL_FILE)
    refused(run, made[1], "was written for other weights", capsys)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"decisions": "last"}, "has no decisions after each step"),
        ({"inputs": "standardised"}, "takes values that were standardised before"),
        ({"form": "step"}, "has no decisions after each step"),
        ({"modalities": ("audio",)}, "takes audio alone"),
    ],
)
def test_a_file_for_other_programs_is_not_used(run, made, capsys, options, sentence):
    assert export(run, to=ToONNX(check=2, **options)).passed
    refused(run, made[1], sentence, capsys)


def test_an_unfinished_training_is_answered_by_torch_which_says_so(run, made, capsys):
    (run / "last").mkdir()
    (run / "last" / "state.pt").touch()
    predictor = Predictor(folder=run)
    assert predictor.start().startswith("PyTorch on ")
    predictor.predict(made[1])
    assert "is not finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("precision", "advice"),
    [
        ("int8", r"is not in int8: colliculus export \S+ --to onnx --precision int8$"),
        ("bf16", r"is not in bf16: ONNX files have no bf16, give --precision fp32$"),
    ],
)
def test_a_file_of_another_precision_is_refused_with_advice_that_helps(made, precision, advice):
    with pytest.raises(ColliculusError, match=advice):
        OnnxRun(made[0]).check(precision)


def test_a_file_of_int8_is_refused_for_fp32_with_advice_that_helps(run):
    assert export(run, to=ToONNX(check=2, precision="int8")).passed
    OnnxRun(run).check("int8")
    with pytest.raises(ColliculusError, match=r"is not in fp32: colliculus export \S+ --to onnx$"):
        OnnxRun(run).check()


def test_a_damaged_file_is_not_used(run, made, capsys):
    (run / ONNX_FILE).write_bytes(b"no network")
    refused(run, made[1], "cannot be run by onnxruntime", capsys)


def test_settings_that_contradict_each_other_are_refused(run):
    with pytest.raises(ColliculusError, match="onnxruntime computes on the CPU"):
        Predictor(folder=run, program="onnx", device="cuda")
    with pytest.raises(ColliculusError, match="unknown program 'onx': did you mean 'onnx'"):
        Predictor(folder=run, program="onx")
    assert Predictor(folder=run).start() == "onnxruntime"
    (run / ONNX_FILE).unlink()
    assert Predictor(folder=run, device="cpu").start() == "PyTorch on cpu"
    with pytest.raises(ColliculusError, match=r"cannot be read .*: colliculus export .* --to onnx"):
        Predictor(folder=run, program="onnx").start()


def test_arrays_of_another_shape_are_refused(made):
    folder, _ = made
    quick = OnnxRun(folder)
    with pytest.raises(ColliculusError, match=r"audio has shape .*; .* takes "):
        quick._classified(("a",), {m: torch.zeros(1, 3, 1, 8, 8).numpy() for m in quick.modalities})
