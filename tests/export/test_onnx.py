"""ONNX files answer as PyTorch does: every method, neuron and coding; and they hold nothing of the machine."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import onnx
import onnxruntime
import pytest
from exported_runs import PAIR, SPEC, run_of, small, worst

import colliculus
from colliculus import ColliculusError, DataSpec, NeuronSettings
from colliculus.export.comparison import compare_answers
from colliculus.export.onnx import translate, write
from colliculus.export.onnx.target import ToONNX
from colliculus.export.onnx.write import answer_of, onnx_bytes
from colliculus.export.subject import Subject
from colliculus.methods import METHODS
from colliculus.neurons import LIF

ROUNDING = 1e-5
"""A flipped spike moves logits by 1e-3 or more."""
FAST = {"tectum"}
ONE = DataSpec(channels={"audio": 2}, sizes={"audio": (16, 16)}, num_classes=4)
IMAGES = replace(PAIR, steps={})
SEQUENCES = replace(PAIR, steps={"audio": 5, "visual": 3})
VARIANTS = {
    "plif": (small("late-fusion", neuron=NeuronSettings(kind="plif", tau=1.7)), PAIR),
    "soft reset": (small("late-fusion", neuron=NeuronSettings(reset="soft", tau=1.7)), PAIR),
    "graded, with memory": (small("late-fusion", neuron=NeuronSettings(kind="graded", decay=0.5)), PAIR),
    "relu": (small("late-fusion", neuron=NeuronSettings(kind="relu")), PAIR),
    "quantised relu": (small("late-fusion", neuron=NeuronSettings(kind="relu", bits=4)), PAIR),
    "misnet, plif": (small("misnet", neuron=NeuronSettings(kind="plif")), PAIR),
    "misnet, together": (small("misnet", firing="together"), PAIR),
    "latency": (small("late-fusion", coding="latency"), PAIR),
    "nearest": (small("late-fusion"), SEQUENCES),
    "linear": (small("late-fusion", resampling="linear"), SEQUENCES),
    "clip-warp": (small("taaf", alignment="clip-warp"), SEQUENCES),
    "taaf, own steps": (small("taaf", modality_steps={"audio": 5}), SEQUENCES),
    "tectum-first, own steps": (small("tectum-first", modality_steps={"audio": 5}), SEQUENCES),
    "s-cmrl, reference": (small("s-cmrl", arithmetic="reference", alpha=1.5), PAIR),
    "s-cmrl, mask": (small("s-cmrl", cross_attention="mask", heads=16), PAIR),
    "s-cmrl, temporal": (small("s-cmrl", cross_attention="temporal"), PAIR),
    "cmci, reference": (small("cmci", arithmetic="reference", unimodal_loss=1.0, modality_dropout=0.0), PAIR),
    "tectum, attention": (small("tectum", exchange="attention", heads=4), PAIR),
    "tectum, lif": (small("tectum", time_steps=4, neuron=NeuronSettings()), SEQUENCES),
    "resnet": (small("late-fusion", encoder="resnet18"), PAIR),
    "concat": (small("late-fusion", fusion="concat"), PAIR),
}


def subject(folder, method, spec=PAIR, **options):
    return Subject.of(run_of(folder, method, spec), ToONNX(check=4, **options))


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
)
def test_every_method_answers_as_in_pytorch(name, tmp_path) -> None:
    exported = subject(tmp_path, small(name), PAIR if name in FAST else SPEC)
    content = onnx_bytes(exported)
    assert worst(exported, answer_of(content)) <= ROUNDING
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert worst(exported, answer_of(content, options)) <= ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_answers_as_in_pytorch(variant, tmp_path) -> None:
    exported = subject(tmp_path, *VARIANTS[variant])
    assert worst(exported, answer_of(onnx_bytes(exported))) <= ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize("name", ["s-cmrl", "tectum", "cmci"])
def test_a_file_without_a_modality_is_the_network_without_it(name, tmp_path) -> None:
    exported = subject(tmp_path, small(name), modalities=("visual",))
    answer = answer_of(onnx_bytes(exported))
    assert list(exported.inputs) == ["visual"]
    assert worst(exported, answer) <= ROUNDING


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A network of one modality, and its file."""
    exported = subject(tmp_path_factory.mktemp("one") / "run", small("unimodal", modality="audio"), ONE)
    return exported, onnx_bytes(exported)


def test_the_file_holds_what_a_reader_needs(small_file) -> None:
    _, content = small_file
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    (given,) = model.graph.input
    assert given.name == "audio"
    axes = [axis.dim_param or axis.dim_value for axis in given.type.tensor_type.shape.dim]
    assert axes == ["batch", 2, 16, 16]
    outputs = [output.name for output in model.graph.output]
    assert outputs == ["logits", "step_logits", "evidence.audio", "logits_by_step"]
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["colliculus.class_names"]) == ["0", "1", "2", "3"]
    assert json.loads(facts["colliculus.normalisation"])["mean"] == {"audio": [0.5, 1.5]}
    assert (facts["colliculus.inputs"], facts["colliculus.time_steps"]) == ("raw", "3")
    assert model.producer_name == "colliculus"


def test_the_file_holds_nothing_of_the_machine(small_file) -> None:
    exported, content = small_file
    assert b"stack_trace" not in content
    assert not re.findall(rb"/[\w.-]+/[\w.-]+\.py|site-packages|" + str(exported.run.folder).encode(), content)
    weights = sum(p.numel() * p.element_size() for p in exported.run.model.state_dict().values())
    assert len(content) < 1.6 * weights + 200_000


@pytest.mark.slow
def test_the_normalisation_may_stay_outside(small_file) -> None:
    exported, _ = small_file
    outside = Subject.of(exported.run, ToONNX(inputs="standardised", check=4))
    assert worst(outside, answer_of(onnx_bytes(outside))) <= ROUNDING


def test_a_threshold_that_is_off_by_a_thousandth_is_noticed(small_file) -> None:
    model, answer = small_file[0].run.model, answer_of(small_file[1])
    many = Subject.of(small_file[0].run, ToONNX(check=200))

    def check():
        return compare_answers(answer, many.clips, many.model_inputs, model, "onnxruntime", many.network.steps)

    assert check().passed
    neuron = next(part for part in model.modules() if isinstance(part, LIF))
    kept = neuron.dynamics
    neuron.dynamics = replace(kept, threshold=kept.threshold + 1e-3)
    try:
        moved = check()
    finally:
        neuron.dynamics = kept
    assert not moved.passed
    assert moved.difference > 1e-3


def test_a_file_that_is_wrong_is_not_written(small_file, monkeypatch) -> None:
    run, real = small_file[0].run, translate.number
    out = run.folder / "model.onnx"
    monkeypatch.setattr(translate, "number", lambda value: real(value * 1.01))
    found = colliculus.export(run, to=ToONNX(check=4))
    assert not found.passed
    assert not out.exists()
    assert "FAILED" in str(found)
    assert {path.name for path in run.folder.iterdir()} == {"run.yaml", "model.safetensors"}
    monkeypatch.undo()
    found = colliculus.export(run, to=ToONNX(check=4))
    assert found.passed
    assert "none in another class" in str(found)
    assert "on 4 clips of seeded noise" in str(found)
    assert out.exists()
    out.unlink()


def test_an_untrained_network_is_told(tmp_path) -> None:
    silent = run_of(tmp_path, small("unimodal", modality="audio"), ONE)
    for p in silent.model.requires_grad_(False).head.parameters():
        p.zero_()
    exported = Subject.of(silent, ToONNX(check=4))
    check = exported.checked(exported.network, "PyTorch", tmp_path / "run.yaml").checks[0]
    assert "all clips get the same answer" in check.sentence


@pytest.mark.parametrize(
    ("method", "options", "sentence"),
    [
        (small("late-fusion", coding="poisson"), {}, "poisson coding draws random spikes: train with --method.coding"),
        (small("sca", arithmetic="reference"), {}, "draws random numbers .* which no file can repeat"),
        (small("late-fusion"), {"modalities": ("smell",)}, "unknown modality 'smell': choose one of audio, visual"),
    ],
)
def test_what_cannot_be_exported_is_refused(method, options, sentence, tmp_path) -> None:
    run = run_of(tmp_path / "run", method)
    with pytest.raises(ColliculusError, match=sentence):
        colliculus.export(run, to=ToONNX(**options))
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"run.yaml", "model.safetensors"}


def test_settings_and_packages_are_checked(small_file, monkeypatch) -> None:
    run = small_file[0].run
    with pytest.raises(ColliculusError, match="`check` is 0"):
        ToONNX(check=0)
    with pytest.raises(ColliculusError, match="unknown target 'onxn': did you mean 'onnx'"):
        colliculus.export(run, to="onxn")
    with pytest.raises(ColliculusError, match="is a folder that exists"):
        colliculus.export(run, to="onnx", out=run.folder)
    monkeypatch.setattr(write, "find_spec", lambda name: None if name == "onnxscript" else "x")
    with pytest.raises(ColliculusError, match=r"ONNX files need onnxscript: pip install 'colliculus\[onnx\]'"):
        colliculus.export(run, to="onnx")
