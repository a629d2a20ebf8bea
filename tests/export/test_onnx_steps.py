"""ONNX files of single steps: the whole network step by step is a stream, its encoders and the rest are the clip."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
from exported_runs import PAIR, run_of, small, worst

import colliculus
from colliculus import ColliculusError, DataSpec, NeuronSettings
from colliculus.export.onnx import apart
from colliculus.export.onnx.target import ToONNX
from colliculus.export.subject import Subject

ROUNDING = 1e-5
MOVING = replace(PAIR, steps={"audio": 3})
ONE = DataSpec(channels={"audio": 2}, sizes={"audio": (16, 16)}, num_classes=4, steps={"audio": 3})
STEPWISE = ["late-fusion", "cmci", "misnet", "weighted-attention"]


@pytest.mark.parametrize("name", [STEPWISE[0], *(pytest.param(name, marks=pytest.mark.slow) for name in STEPWISE[1:])])
def test_single_steps_are_a_stream(name, tmp_path) -> None:
    run = run_of(tmp_path / "run", small(name), replace(PAIR, steps={"audio": 3}))
    found = colliculus.export(run, to=ToONNX(form="step", check=8))
    assert found.passed, found
    assert "3 single steps equal a stream in PyTorch" in str(found).replace("\n", " ")
    session = onnxruntime.InferenceSession(found.out)
    names = {given.name for given in session.get_inputs()}
    facts = session.get_modelmeta().custom_metadata_map
    assert names == {"audio", "visual", *(f"state.{name}" for name in json.loads(facts["colliculus.states"]))}
    assert {given.shape[0] for given in session.get_inputs()} == {"batch"}


def test_a_step_of_a_network_that_needs_a_window_is_refused(tmp_path) -> None:
    run = run_of(tmp_path / "run", small("s-cmrl", cross_attention="temporal"))
    with pytest.raises(ColliculusError, match=r"one step has no answer of its own .* use --form whole"):
        colliculus.export(run, to=ToONNX(form="step"))


APART = {
    "weighted readout": (small("late-fusion", readout="weighted", encoder="shallow"), ONE),
    "s-cmrl": (small("s-cmrl", encoder="shallow", neuron=NeuronSettings(kind="plif", tau=1.7)), MOVING),
    "taaf, own steps": (
        small("taaf", encoder="shallow", modality_steps={"audio": 5}),
        replace(PAIR, steps={"audio": 5}),
    ),
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in APART if name != "weighted readout"]


@pytest.mark.parametrize("name", ["weighted readout", *SLOW])
def test_steps_of_the_encoders_and_the_rest_are_the_clip(name, tmp_path) -> None:
    method, spec = APART[name]
    run = run_of(tmp_path / "run", method, spec)
    found = colliculus.export(run, to=ToONNX(form="apart", check=8))
    folder, files = Path(found.out), [*(f"{m}_step.onnx" for m in spec.modalities), "rest.onnx"]
    assert found.passed, found
    assert folder == run.folder / "onnx"
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    subject = Subject.of(run, ToONNX(form="apart", check=1))
    states = {m: zeros_of(folder / f"{m}_step.onnx", subject, m) for m in spec.modalities}
    assert worst(subject, apart.answer_of_folder(folder, states, run.model)) <= ROUNDING
    rest = onnxruntime.InferenceSession(folder / "rest.onnx")
    assert [[given.name, given.shape[1]] for given in rest.get_inputs()] == [[m, "batch"] for m in spec.modalities]
    assert rest.get_modelmeta().custom_metadata_map["colliculus.form"] == "rest"


def zeros_of(path, subject, modality):
    """The membranes before the first step, which the file itself names."""
    session = onnxruntime.InferenceSession(path)
    facts = session.get_modelmeta().custom_metadata_map
    names = json.loads(facts["colliculus.states"])
    assert json.loads(facts["colliculus.modalities"]) == [modality]
    given = {entry.name for entry in session.get_inputs()}
    assert given == {modality, *(f"state.{name}" for name in names)}
    step = apart.EncoderStep(subject.network, modality)
    zeros = step.first_states(apart.frames_at({modality: subject.inputs[modality]}, 0, 1))
    assert list(zeros) == names
    return zeros


def test_membranes_that_are_lost_between_steps_are_noticed(tmp_path, monkeypatch) -> None:
    run, real = run_of(tmp_path / "run", *APART["weighted readout"]), apart.answer_of

    def forgetful(content):
        network = real(content)
        return lambda inputs: {n: x * 0 if n.startswith("next.") else x for n, x in network(inputs).items()}

    monkeypatch.setattr(apart, "answer_of", forgetful)
    found = colliculus.export(run, to=ToONNX(form="apart", check=8))
    assert not found.passed
    assert not (run.folder / "onnx").exists()


@pytest.mark.parametrize(
    ("method", "spec", "sentence"),
    [
        (small("late-fusion", context=0), ONE, "the coding of audio takes a clip as a whole, .* a `context` of 1"),
        (small("late-fusion", context=2), ONE, "sees several frames: use --form whole, or train with `context` 1"),
        (small("late-fusion"), replace(ONE, steps={"audio": 5}), "audio has 5 frames, resampled to 3 steps"),
        (small("late-fusion", coding="poisson"), PAIR, "poisson coding draws random spikes"),
    ],
)
def test_encoders_that_take_no_single_frames_are_refused(method, spec, sentence, tmp_path) -> None:
    run = run_of(tmp_path / "run", method, spec)
    with pytest.raises(ColliculusError, match=sentence):
        colliculus.export(run, to=ToONNX(form="apart"))
