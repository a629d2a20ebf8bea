"""Predictions through the ONNX file beside a run: those of PyTorch, without PyTorch, and never of other weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from exported_runs import synthetic_run

from colliculus import ColliculusError, export, load
from colliculus.evaluation.onnx_program import OnnxRun
from colliculus.evaluation.predictor import Predictor
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


def test_a_clip_that_lacks_a_modality_is_answered_by_torch(made):
    folder, clips = made
    sounds = sorted(clips.glob("*.wav"))
    assert Predictor(folder=folder).predict(sounds) == load(folder, "cpu").predict(sounds)
    with pytest.raises(ColliculusError, match=r"lacks visual, which .* takes: give it, or leave out --program"):
        Predictor(folder=folder, program="onnx").predict(sounds)


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
