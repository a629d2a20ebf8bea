"""Whole networks in NIR: not one spike of any neuron differs, and a small change is noticed."""

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from colliculus.export.nir.check import GraphComparison, coded, compare, run_parts
from colliculus.export.nir.layers import NotInNIRError
from colliculus.export.nir.parts import token_parts
from colliculus.export.nir.rest import rest_of
from colliculus.fusion import CrossModalSettings
from colliculus.methods import (
    CMCI,
    CMQKA,
    SCA,
    SCMRL,
    TAAF,
    TET,
    FirstTectum,
    LateFusion,
    MISNet,
    QKFormer,
    SEWResNet,
    Spikformer,
    Tectum,
    Unimodal,
    WeightedAttention,
)
from colliculus.methods.tectum import JointSettings
from colliculus.neurons import NeuronSettings
from colliculus.types import ColliculusError

SMALL = {"dim": 8, "encoder": "shallow"}
OTHER_SIZES = {"audio": (12, 16), "visual": (12, 12)}
ONE_GRID = {"a": (12, 12), "b": (11, 12), "c": (10, 11)}
MASK = SCMRL(**SMALL, cross_attention="mask")
LIF = {"neuron": NeuronSettings(), "readout": "mean", "time_steps": 3, "context": 1}
WHOLE = {
    "sum": (LateFusion(**SMALL), {}),
    "sum, pooled by convolutions": (LateFusion(**SMALL), {"pool": "conv"}),
    "concatenation": (LateFusion(**SMALL, fusion="concat"), {}),
    "TET": (TET(**SMALL), {}),
    "CMCI": (CMCI(**SMALL), {}),
    "CMCI, reference": (CMCI(**SMALL, arithmetic="reference", unimodal_loss=1.0, modality_dropout=0.0), {}),
    "deep": (LateFusion(dim=8), {}),
    "ResNet": (LateFusion(dim=16, encoder="resnet18"), {}),
    "SEW-ResNet": (SEWResNet(dim=16), {}),
    "tau 1.7": (LateFusion(**SMALL, neuron=NeuronSettings(tau=1.7, threshold=0.7)), {}),
    "PLIF": (LateFusion(**SMALL, neuron=NeuronSettings(kind="plif", tau=1.7)), {}),
    "graded": (LateFusion(**SMALL, neuron=NeuronSettings(kind="graded", levels=3)), {}),
    "latency": (LateFusion(**SMALL, coding="latency"), {}),
    "own heads": (LateFusion(**SMALL, unimodal_loss=0.5), {}),
    "mask": (MASK, {}),
    "mask, replaced": (replace(MASK, residual="replace"), {}),
    "mask, no alignment": (replace(MASK, alignment=False, cross_modal=CrossModalSettings(normalise=False)), {}),
    "Tectum": (Tectum(**SMALL, neuron=NeuronSettings(kind="graded", levels=2)), {}),
    "Tectum, hidden": (
        Tectum(**SMALL, joint=JointSettings(kind="hidden"), neuron=NeuronSettings(kind="graded", levels=2)),
        {},
    ),
    "Tectum, alone": (Tectum(**SMALL, exchange="none"), {}),
    "Tectum, mask": (Tectum(**SMALL, exchange="mask", neuron=NeuronSettings(kind="graded", levels=2)), {}),
    "Tectum, LIF": (Tectum(**SMALL, **LIF), {}),
    "Tectum, LIF, mask": (Tectum(**SMALL, **LIF, exchange="mask"), {}),
}


def check(network, parts):
    """No spike differs, and neurons of all graphs fire, not always."""
    found = compare(network.model, parts, network.inputs, 1e-4)
    spikes = run_parts(parts, coded(network.model, network.inputs), 1e-4).spikes
    rates = {name: float(x.count_nonzero()) / x.numel() for name, x in spikes.items()}
    assert len(rates) >= 3
    assert sum(0 < rate < 1 for rate in rates.values()) > 0.7 * len(rates), rates
    assert (found.differing, found.others, sum(found.rounded.values())) == (0, 0, 0)
    assert found.equal
    return found


@pytest.mark.parametrize("name", WHOLE)
def test_no_spike_of_a_whole_network_differs(alive, name) -> None:
    method, settings = WHOLE[name]
    network = alive(method)
    parts = network.parts(**settings)
    assert [(part.name, part.gives) for part in parts] == [("whole", "logits")]
    assert check(network, parts).logits < 2e-6


def test_motion_and_static_inputs_and_several_frames_at_once(alive) -> None:
    for method in (LateFusion(**SMALL), LateFusion(**SMALL, context=2), Tectum(**SMALL)):
        network = alive(method, steps={"visual": 3})
        assert check(network, network.parts()).logits < 2e-6


def test_other_sizes_are_a_graph_each_that_gives_a_share(alive) -> None:
    for method in (LateFusion(**SMALL), LateFusion(**SMALL, fusion="concat"), LateFusion(dim=8, encoder="auto")):
        network = alive(method, sizes=OTHER_SIZES if method.encoder == "shallow" else {"a": (1, 40), "v": (12, 12)})
        parts = network.parts()
        assert [part.gives for part in parts] == ["share", "share"]
        assert check(network, parts).logits < 2e-6
        evidence = network.model(network.inputs).evidence
        for part in parts:
            share = run_parts([part], coded(network.model, network.inputs), 1e-4).step_logits
            torch.testing.assert_close(share, evidence[part.name])


@pytest.mark.parametrize("method", [CMCI(**SMALL), MASK, Tectum(**SMALL, **LIF)], ids=["cmci", "mask", "tectum"])
def test_other_sizes_on_one_grid_have_a_graph_of_the_rest(alive, method) -> None:
    network = alive(method, sizes=ONE_GRID)
    parts = network.parts()
    assert [(part.name, part.gives) for part in parts] == [*((m, "tokens") for m in "abc"), ("rest", "logits")]
    assert check(network, parts).logits < 2e-6


def test_modalities_apart(alive) -> None:
    network = alive(LateFusion(**SMALL))
    parts = network.parts(stacked=False)
    assert [part.name for part in parts] == ["audio", "visual"]
    assert check(network, parts).logits < 2e-6


def test_encoders_alone(alive) -> None:
    for method, left in ((SCMRL(**SMALL, heads=2), 0), (Unimodal(**SMALL, heads=2), 1), (CMCI(**SMALL), 0)):
        network = alive(method)
        parts = network.parts(token_parts)
        assert {(part.gives, len(part.left)) for part in parts} == {("tokens", left)}
        assert check(network, parts).logits is None


def test_the_rest_of_a_network_takes_the_tokens_of_its_encoders(alive) -> None:
    for method in (SCMRL(**SMALL, heads=2), Unimodal(**SMALL, heads=2), TAAF(**SMALL), Spikformer(**SMALL, heads=2)):
        network = alive(method)
        parts = network.parts(token_parts)
        tokens = run_parts(parts, coded(network.model, network.inputs), 1e-4).tokens
        assert {m: x.shape[:3] for m, x in tokens.items()} == {part.name: (4, 16, 8) for part in parts}
        with torch.no_grad():
            found = rest_of(network.model, parts)(tokens)
        torch.testing.assert_close(found.logits, network.logits, atol=1e-6, rtol=0)


def test_the_rest_of_a_hierarchical_encoder_takes_the_frames_of_its_stem(alive) -> None:
    network = alive(CMQKA(dim=16, time_steps=2))
    parts = network.parts(token_parts)
    assert {len(part.left) for part in parts} == {2}
    frames = run_parts(parts, coded(network.model, network.inputs), 1e-4).tokens
    with torch.no_grad():
        found = rest_of(network.model, parts)(frames)
    torch.testing.assert_close(found.logits, network.logits, atol=1e-6, rtol=0)


def test_graphs_are_the_same_after_writing_and_reading(alive, tmp_path) -> None:
    network = alive(MASK)
    (part,) = network.parts()
    nir.write(tmp_path / "whole.nir", part.graph)
    read = nir.read(tmp_path / "whole.nir")
    assert {*read.nodes} == {*part.graph.nodes}
    assert check(network, [replace(part, graph=read)]).logits < 2e-6


def test_the_graph_of_a_mask_looks_at_no_later_step(alive) -> None:
    network = alive(MASK, steps={"audio": 4, "visual": 4})
    parts, inputs = network.parts(), coded(network.model, network.inputs)
    before = run_parts(parts, inputs, 1e-4).step_logits
    changed = {m: torch.cat([x[:2], x[2:].flip(1)]) for m, x in inputs.items()}
    after = run_parts(parts, changed, 1e-4).step_logits
    assert torch.equal(before[:2], after[:2])
    assert not torch.equal(before[2:], after[2:])


def test_signals_of_a_mask_are_0_or_1(alive) -> None:
    network = alive(MASK)
    (part,) = network.parts()
    neurons = [name for name, node in part.graph.nodes.items() if isinstance(node, nir.LIF)]
    edges = {target: [source for source, to in part.graph.edges if to == target] for target in part.graph.nodes}
    passed = [name for name in neurons if "passed" in name]
    assert len(passed) == 2
    assert all(source in neurons for name in passed for source in edges[name])  # an AND of spikes, no product
    alphas = [node for name, node in part.graph.nodes.items() if name.startswith("fusion") and "right" in name]
    assert {float(node.weight.max()) for node in alphas} == {0.25}


def test_what_counts_as_equal() -> None:
    same = GraphComparison(clips=2, spikes={"a": 500_000}, differing=9, rounded={"a": 6}, logits=1e-4, others=0)
    assert same.equal
    assert replace(same, logits=None).equal
    assert not replace(same, rounded={"a": 7}).equal
    assert not replace(same, others=1).equal
    assert not replace(same, logits=2e-4).equal


def test_a_wrong_readout_is_noticed(alive) -> None:
    network = alive(LateFusion(**SMALL))
    (part,) = network.parts()
    part.graph.nodes["head_0"].bias = part.graph.nodes["head_0"].bias + np.float32(2e-4)
    found = compare(network.model, [part], network.inputs, 1e-4)
    assert found.differing == 0
    assert not found.equal


@pytest.mark.parametrize("kind", ["lif", "graded"])
def test_one_flipped_spike_is_counted_once_and_what_follows_from_it_apart(alive, kind) -> None:
    network = alive(
        LateFusion(**SMALL, neuron=NeuronSettings(kind=kind, **({"levels": 3} if kind == "graded" else {})))
    )
    parts = network.parts()
    first = network.model.encoders["audio"].position.neuron
    before = compare(network.model, parts, network.inputs, 1e-4)

    def flipped(_module, _inputs, out):
        changed = out.clone()
        changed[0, 0, 0, 1, 1] += first.unit if out[0, 0, 0, 1, 1] < first.unit else -first.unit
        return changed

    hook = first.register_forward_hook(flipped)
    found = compare(network.model, parts, network.inputs, 1e-4)
    hook.remove()
    assert before.differing == 0
    assert sum(found.rounded.values()) == found.rounded["encoders.audio.position.neuron"] == 1
    assert found.differing > 1
    assert found.equal  # as rounding might do it, once in a layer
    assert found.logits == pytest.approx(0, abs=1e-6)
    more = found + found
    assert (more.clips, more.total, more.equal) == (2 * found.clips, 2 * found.total, False)


@pytest.mark.parametrize("wrong", ["threshold", "weight", "tau"])
def test_a_small_change_is_noticed(alive, wrong) -> None:
    network = alive(MASK, clips=32)
    (part,) = network.parts()
    neuron, conv = part.graph.nodes["fusion_mlp_audio_expand_neuron"], part.graph.nodes["encoders_visual_position_conv"]
    if wrong == "threshold":
        neuron.v_threshold = neuron.v_threshold * np.float32(1.005)
    elif wrong == "weight":
        conv.weight = conv.weight * np.float32(1.005)
    else:
        neuron.tau = neuron.tau * 1.01
    found = compare(network.model, [part], network.inputs, 1e-4)
    layer = "encoders.visual.position.neuron" if wrong == "weight" else "fusion.mlp.audio.expand.neuron"
    assert found.rounded[layer] > 1
    assert not any(count for name, count in found.rounded.items() if name != layer)
    assert found.differing > found.rounded[layer]
    assert not found.equal


REFUSED = {
    "S-CMRL": (SCMRL(**SMALL, heads=2), "multiplies spikes with spikes"),
    "SCA": (SCA(**SMALL, heads=2), "multiplies spikes with spikes"),
    "Spikformer": (Spikformer(**SMALL, heads=2), "multiplies spikes with spikes .attention. in encoders.audio.1"),
    "QKFormer": (QKFormer(dim=16), "multiplies spikes with spikes .attention. in encoders.audio"),
    "CMQKA": (CMQKA(**SMALL, stages="last"), "fuses by a HierarchicalExchange"),
    "weighted attention": (WeightedAttention(**SMALL), "multiplies tokens by a number computed from them"),
    "TAAF": (TAAF(**SMALL), "fuses by a TimeAligned"),
    "Tectum, first edition": (FirstTectum(**SMALL, heads=2), "multiplies spikes with spikes"),
    "scores": (Tectum(**SMALL, **LIF, exchange="mask", scores=True), "weighs its steps by scores computed from them"),
    "weighted readout": (LateFusion(**SMALL, readout="weighted"), "has other readout weights for every step"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nir_cannot_say_is_refused(alive, name) -> None:
    method, sentence = REFUSED[name]
    with pytest.raises(NotInNIRError, match=sentence):
        alive(method).parts()


def test_tokens_of_other_grids_are_refused(alive) -> None:
    for method in (MASK, CMCI(**SMALL)):
        with pytest.raises(NotInNIRError, match="moves tokens between the grids"):
            alive(method, sizes=OTHER_SIZES).parts()


def test_neurons_that_nir_does_not_have(alive) -> None:
    kinds = {
        "soft reset subtracts: train with --method.neuron.reset hard": NeuronSettings(reset="soft"),
        "subtracts what it sends.*--method.neuron.decay 0": NeuronSettings(kind="graded", decay=0.5),
        "is not a power of two.*--method.neuron.step 0.5": NeuronSettings(kind="graded", step=0.3),
        "a ReLUNeuron sends numbers": NeuronSettings(kind="relu"),
    }
    for sentence, neuron in kinds.items():
        with pytest.raises(ColliculusError, match=sentence):
            alive(LateFusion(**SMALL, neuron=neuron)).parts()
    with pytest.raises(ColliculusError, match="soft reset subtracts"):
        alive(MISNet(**SMALL)).parts()
