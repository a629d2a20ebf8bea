"""Export of a run: the folder, what was checked, what is refused, and what is left where a check fails."""

from __future__ import annotations

import json
import shutil

import nir
import numpy as np
import pytest
import torch

import colliculus as cl
from colliculus.cli import main
from colliculus.export.nir import folder as folder_module
from colliculus.export.nir.graph import GraphWriter
from colliculus.export.nir.interpret import interpret
from colliculus.export.nir.target import ToNIR
from colliculus.methods import CMQKA, SCMRL, LateFusion, Spikformer, Tectum, Unimodal
from colliculus.runs.run import read_run
from colliculus.types import ColliculusError

SMALL = {"dim": 8, "encoder": "shallow", "time_steps": 2}
ATTENTION = SCMRL(**SMALL, heads=2)


def test_a_folder_of_one_graph(run_of) -> None:
    run = run_of(LateFusion(**SMALL))
    found = cl.export(run, to="nir")
    (check,) = found.checks
    assert found.passed
    assert check.differing == 0
    assert check.compared == 12 * 2 * 2 * (4 * 144 + 8 * 36 + 8 * 9 + 32 * 9 + 8 * 9)
    assert "0 of 62,208 spikes differ from those of PyTorch on 12 clips of the test data, none in another" in " ".join(
        str(found.table()).split()
    )
    out = run / "nir"
    assert sorted(path.name for path in out.iterdir()) == ["graph.json", "whole.nir"]
    told = json.loads((out / "graph.json").read_text())
    spec = read_run(run).spec
    assert told["class_names"] == list(spec.names)
    assert told["graphs"] == [
        {
            "file": "whole.nir",
            "takes": "inputs",
            "stacked": ["audio", "visual"],
            "gives": "logits",
            "shape": [3, 1, 1],
        }
    ]
    assert (told["time_steps"], told["dt"]) == (2, 1e-4)
    assert told["inputs"]["audio"] == {"shape": [2, 1, 12, 12], "coding": ["Direct"]}
    for path in out.iterdir():
        assert str(run.parent).encode() not in path.read_bytes()


def test_graph_json_is_enough_to_run_the_graphs(run_of) -> None:
    run = run_of(LateFusion(**SMALL))
    cl.export(run, to=ToNIR(form="apart"))
    told = json.loads((run / "nir" / "graph.json").read_text())
    opened = cl.load(run)
    inputs = opened.data.test.batch(np.arange(6), epoch=0).inputs
    logits = 0
    for graph in told["graphs"]:
        (modality,) = graph["stacked"]
        assert graph["gives"] == "share"
        steps, _ = interpret(nir.read(run / "nir" / graph["file"]), inputs[modality], dt=told["dt"])
        logits = logits + steps.mean(0).flatten(1)
    with torch.no_grad():
        torch.testing.assert_close(logits, opened.model(inputs).logits)


@pytest.mark.slow
def test_encoders_in_nir_and_the_rest_in_onnx(run_of) -> None:
    pytest.importorskip("onnxruntime")
    for method in (ATTENTION, Unimodal(**SMALL, heads=2), CMQKA(dim=16, time_steps=2)):
        run = run_of(method)
        found = cl.export(run, to=ToNIR(rest="onnx"))
        assert found.passed
        assert "in onnxruntime behind NIR all outputs equal those of PyTorch" in found.checks[1].sentence
        names = {path.name for path in (run / "nir").iterdir()}
        assert {"rest.onnx", "graph.json", "audio.nir"} <= names
        told = json.loads((run / "nir" / "graph.json").read_text())
        assert told["rest"] == {"file": "rest.onnx", "takes": "tokens", "gives": "logits"}
        shutil.rmtree(run)


@pytest.mark.parametrize("rest", ["nir", pytest.param("onnx", marks=pytest.mark.slow)])
def test_weights_of_few_bits_and_what_they_cost(run_of, rest) -> None:
    run = run_of(LateFusion(**SMALL) if rest == "nir" else ATTENTION)
    found = cl.export(run, to=ToNIR(bits=8, rest=rest))
    assert found.passed
    assert "before the weights are rounded" in found.checks[0].sentence
    model, test = cl.load(run).model, cl.load(run).data.test
    with torch.no_grad():
        correct = model(test.batch(np.arange(12), epoch=0).inputs).logits.argmax(1).numpy() == test.labels
    assert found.holds["weights"].endswith(f"of 12 test clips correct, {100 * correct.mean():.1f} % with float32")
    file = run / "nir" / ("whole.nir" if rest == "nir" else "audio.nir")
    weight = nir.read(file).nodes["encoders_audio_stages_1_conv"].weight.astype(np.float64)
    levels = weight / (np.abs(weight).max((1, 2, 3), keepdims=True) / 127)
    np.testing.assert_allclose(levels, levels.round(), atol=1e-4)
    assert len(np.unique(levels.round())) > 50


def test_rounded_weights_can_change_the_class(run_of) -> None:
    run = run_of(LateFusion(**SMALL))
    costs = {bits: cl.export(run, to=ToNIR(bits=bits), out=run / f"{bits}").holds["weights"] for bits in (2, 16)}
    assert costs[16].split(": ")[1] != costs[2].split(": ")[1]


def test_an_edge_weight_of_tectum_is_rounded_to_a_power_of_two(run_of) -> None:
    run = run_of(Tectum(**SMALL, exchange="mask", alpha=0.1, readout="mean", context=1, neuron=cl.NeuronSettings()))
    weights = {}
    for bits in (None, 8):
        cl.export(run, to=ToNIR(bits=bits), out=run / f"{bits}")
        nodes = nir.read(run / f"{bits}" / "whole.nir").nodes
        weights[bits] = [float(node.weight.max()) for name, node in nodes.items() if name.endswith("_right")]
    assert len(weights[8]) == 2
    assert all(np.log2(w).is_integer() for w in weights[8])
    assert not any(np.log2(w).is_integer() for w in weights[None])
    np.testing.assert_allclose(np.log2(weights[8]), np.log2(weights[None]), atol=0.5)


def test_a_failed_check_leaves_nothing(run_of, monkeypatch, capsys) -> None:
    run, fires = run_of(LateFusion(**SMALL)), GraphWriter.fires

    def lower(self, name, x, *, threshold, tau):
        return fires(self, name, x, threshold=threshold * (0.99 if name.endswith("position.neuron") else 1), tau=tau)

    monkeypatch.setattr(GraphWriter, "fires", lower)
    assert main(["export", str(run), "--to", "nir"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "FAILED" in printed
    assert not (run / "nir").exists()


def test_noise_where_the_data_are_gone(run_of, monkeypatch) -> None:
    run = run_of(LateFusion(**SMALL))

    def gone(self, name):
        raise ColliculusError("gone")

    monkeypatch.setattr(folder_module.TrainedRun, "part", gone)
    found = cl.export(run, to=ToNIR(bits=8, check=5))
    assert "on 5 clips of seeded noise" in found.checks[0].sentence
    assert "cannot be measured" in found.holds["weights"]


def refused(run, *arguments, capsys):
    assert main(["export", str(run), "--to", "nir", *arguments]) == 2
    assert not (run / "nir").exists()
    return " ".join(capsys.readouterr().err.split())


def test_attention_is_refused_with_the_ways_out(run_of, capsys) -> None:
    sentence = refused(run_of(ATTENTION), capsys=capsys)
    assert "s-cmrl multiplies spikes with spikes (attention), which NIR cannot say: export all of it" in sentence
    assert (
        "or the encoders to NIR and the rest to ONNX with --rest onnx, or train with --method.cross-attention mask"
        in (sentence)
    )


def test_other_ways_out(run_of, capsys) -> None:
    sentence = refused(run_of(Spikformer(**SMALL, heads=2)), capsys=capsys)
    assert sentence.endswith("--rest onnx")
    joint = Tectum(**SMALL, exchange="attention", heads=2)
    assert "or train with --method.exchange mask" in refused(run_of(joint), capsys=capsys)


@pytest.mark.parametrize("option", [{"dt": 0.0}, {"bits": 1}, {"bits": 17}, {"check": 0}])
def test_options_out_of_range(option) -> None:
    with pytest.raises(ColliculusError, match=f"`{next(iter(option))}` is"):
        ToNIR(**option)
