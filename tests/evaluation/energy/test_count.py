from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_methods import read_by
from torch.utils.flop_counter import FlopCounterMode

from colliculus.evaluation.energy.count import count, together
from colliculus.fusion import ReadoutWeights
from colliculus.methods import CMCI, METHODS, SCMRL, TAAF, LateFusion, Tectum
from colliculus.neurons import GradedNeuron, NeuronSettings, ReLUNeuron
from colliculus.types import ColliculusError, DataSpec

SPEC = DataSpec(
    channels={"audio": 1, "visual": 3},
    sizes={"audio": (32, 32), "visual": (32, 32)},
    num_classes=4,
    steps={"visual": 5},
)


def small(kind, **settings):
    torch.manual_seed(0)
    return kind(**read_by(kind, {"dim": 16, "heads": 4, "time_steps": 3, "context": 1} | settings))


def inputs(model, batch=2):
    generator = torch.Generator().manual_seed(0)
    return {m: 3 * torch.randn(SPEC.input_shape(m, batch), generator=generator) for m in model.modalities}


def by_name(counts):
    return {x.name: x for x in counts.layers if x.decides}


def test_a_network_of_two_layers_is_counted_as_by_hand(two_layers, picture):
    counts = count(two_layers(2), [picture])
    first, second, head = (x for x in counts.layers if x.decides)
    # Of 3 x 3 places a corner is read by 4 windows, an edge by 6, the middle by 9: 49, or 45 without the dark corner.
    assert (first.mac, first.ac, first.values, first.repeats) == (2 * 45, 0, "numbers", 2)
    assert (first.dense_uses, first.macs) == (2 * 49, 2 * 81)
    assert first.conventional == pytest.approx(8 / 9 * 162)
    # At stride 2 a corner is read by 1 window, an edge by 2, the middle by 4; two channels hear of it.
    assert (second.mac, second.ac, second.values, second.repeats) == (0, 2 * 2 * 15, "spikes", 1)
    assert (second.dense_uses, second.macs, second.rate) == (2 * 2 * 16, 2 * 2 * 4 * 9, 8 / 9)
    # Three of the four tokens of the first channel fire: their mean, 0.75, meets three classes.
    assert (head.name, head.mac, head.values, head.rate) == ("head.linear", 2 * 3, "numbers", 1 / 2)
    assert [(n.neurons, n.updates, n.spikes) for n in counts.neurons] == [(9, 18, 16), (8, 16, 6)]


def test_an_attention_block_is_counted_as_by_hand(attended):
    # Tokens (1, 0) and (1, 1), of which q, k and v are copies.
    x = torch.tensor([[1.0, 1.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    layers = by_name(count(attended, [{"x": x}]))
    at = "encoders.x.attention"
    for part in ("query", "key", "value"):
        assert layers[f"{at}.{part}.linear"].ac == 3 * 2
    scores = layers[f"{at} q k^T"]  # both tokens share channel 0 (2 x 2), the second meets itself in channel 1
    assert (scores.ac, scores.mac, scores.macs, scores.events) == (5, 0, 8, 3)
    weighed = layers[f"{at} (q k^T) v"]  # no score is zero: each of the three spikes of v is added to two tokens
    assert (weighed.ac, weighed.mac, weighed.macs, weighed.events) == (6, 0, 8, 3)
    assert layers[f"{at}.project.linear"].ac == 4 * 2
    assert scores.conventional == 3 / 4 * 8


def step_by_step(model):
    """The same inputs with every step for itself, which a layer would otherwise pass once for all."""
    model.spec = replace(model.spec, steps={})  # a coded sequence has T steps, whatever the data have
    return {m: model.coding[m](x).contiguous() for m, x in inputs(model).items()}


def matrix_macs(model):
    """Products as usually counted, without those value by value, which PyTorch's counter leaves out."""
    return sum(x.macs for x in count(model, [inputs(model)]).layers if x.kind != "elementwise")


CASES = {
    **{name: (kind, {}) for name, kind in METHODS.items()},
    "s-cmrl, mask": (SCMRL, {"cross_attention": "mask", "heads": SCMRL.heads}),
    "tectum, attention": (Tectum, {"exchange": "attention"}),
    "tectum, mask": (Tectum, {"exchange": "mask"}),
}


@pytest.mark.parametrize("case", CASES)
def test_no_product_escapes(case):
    """The usual count is that of PyTorch's own counter, which looks below Python."""
    kind, settings = CASES[case]
    model = small(kind, **settings).model(SPEC).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(step_by_step(model))
    assert 2 * matrix_macs(model) == counter.get_total_flops()


def test_frames_as_channels_are_counted_too():
    """In a single step nothing is repeated, so that both see the same."""
    model = small(Tectum, context=0, time_steps=0).model(SPEC).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(inputs(model))
    assert 2 * matrix_macs(model) == counter.get_total_flops()


@pytest.mark.parametrize("encoder", ["resnet18", "sew-resnet18"])
def test_residual_networks_are_counted_too(encoder):
    model = small(TAAF, encoder=encoder).model(SPEC).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(step_by_step(model))
    assert 2 * matrix_macs(model) == counter.get_total_flops()


def test_only_a_still_input_repeats_and_each_modality_has_its_own_steps():
    model = small(TAAF, encoder="shallow", modality_steps={"audio": 6}).model(SPEC)
    layers = by_name(count(model, [inputs(model)]))
    audio, visual = (layers[f"encoders.{m}.stages.0.conv"] for m in ("audio", "visual"))
    assert (audio.first, audio.steps, audio.repeats) == (True, 6, 6)
    assert (visual.first, visual.steps, visual.repeats) == (True, 3, 1)
    assert not layers["encoders.audio.stages.1.conv"].first
    assert layers["head.joint"].steps == 3


def repeats(counts, field="repeats"):
    """Repeats of layers and neurons by name."""
    return {x.name: getattr(x, field) for x in (*counts.layers, *counts.neurons) if x.decides}


def test_without_state_every_layer_of_a_static_input_repeats(two_layers, picture):
    counts = count(two_layers(2, ReLUNeuron), [picture])
    assert {*repeats(counts).values()} == {2}
    assert len(repeats(counts)) == 5  # two convolutions, their neurons, the head
    alone = count(two_layers(1, ReLUNeuron), [picture])
    assert {*repeats(alone).values()} == {1}
    assert [x.mac / 2 for x in counts.layers] == [x.mac for x in alone.layers]
    assert sum(x.mac for x in alone.layers) > 0


@pytest.mark.parametrize(("decay", "expected"), [(0.0, 2), (0.5, 1)])
def test_a_graded_neuron_repeats_unless_its_membrane_lasts(two_layers, picture, decay, expected):
    counts = count(two_layers(2, lambda: GradedNeuron(decay=decay)), [picture])
    found = repeats(counts)
    assert found["encoders.x.first.conv"] == 2
    behind = ("encoders.x.first.neuron", "encoders.x.second.conv", "encoders.x.second.neuron", "head.linear")
    assert {found[name] for name in behind} == {expected}
    assert {*repeats(counts, "artificial_repeats").values()} == {2}


def test_spikes_that_happen_to_be_equal_at_every_step_do_not_repeat(two_layers):
    dark = {"x": torch.zeros(1, 1, 3, 3)}
    counts = count(two_layers(2), [dark])
    assert not any(n.spikes for n in counts.neurons)
    assert {name for name, times in repeats(counts).items() if times == 2} == {"encoders.x.first.conv"}


def test_frames_that_happen_to_be_equal_do_not_repeat(two_layers, picture):
    film = {"x": picture["x"].expand(2, 1, 1, 3, 3)}
    assert {*repeats(count(two_layers(2, ReLUNeuron), [film])).values()} == {1}


def test_a_static_modality_repeats_up_to_the_fusion_with_a_sequence():
    """With ReLUs the encoder of the static modality runs once, and nothing else; so does the counterpart of spikes."""
    relu, lif = (
        count(model, [inputs(model)])
        for model in (
            small(TAAF, alignment="identity", neuron=NeuronSettings(kind=kind)).model(SPEC) for kind in ("relu", "lif")
        )
    )
    found = repeats(relu)
    still = {name for name in found if name.startswith("encoders.audio.")}
    assert still
    assert {name for name, times in found.items() if times == 3} == still
    assert repeats(lif, "artificial_repeats") == found
    assert {name for name, times in repeats(lif).items() if times == 3} == {"encoders.audio.stem.conv"}


def test_weights_of_every_step_do_not_repeat():
    still = replace(SPEC, steps={})
    model = small(LateFusion, neuron=NeuronSettings(kind="relu"), readout="weighted").model(still)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, ReadoutWeights):
                part.change.normal_()
    layers = {n: torch.rand(still.input_shape(n, 2)) for n in model.modalities}
    once = {name for name, times in repeats(count(model, [layers])).items() if times == 1}
    assert "head.linear" in once
    assert not any(name.startswith("encoders.") for name in once)


def test_spikes_coded_at_random_do_not_repeat():
    model = small(SCMRL, coding="poisson").model(SPEC)
    first = by_name(count(model, [inputs(model)]))["encoders.audio.stages.0.conv"]
    assert (first.repeats, first.values, first.mac) == (1, "spikes", 0)


def test_what_only_explains_does_not_count():
    model = small(TAAF, score_gradient="detach").model(SPEC)
    counts = count(model, [inputs(model)])
    idle = {x.name for x in counts.layers if not x.decides}
    assert {"head.own.audio", "head.own.visual", "head.attention.audio.query"} <= idle
    assert {"head.attention.fused.query", "head.attention.fused product 1"} <= set(by_name(counts))
    assert "head.joint" in idle & set(by_name(counts))  # read once for the decision, and again for its shares


def test_what_the_reference_computes_in_vain_does_not_count():
    model = small(METHODS["cmci"], arithmetic="reference", unimodal_loss=1.0).model(SPEC)
    counts = count(model, [inputs(model)])
    assert any(x.name.startswith("fusion.integration.visual") and not x.decides for x in counts.layers)
    assert not any(n.decides for n in counts.neurons if n.name.startswith("fusion.integration.visual"))
    assert all(n.decides for n in counts.neurons if n.name.startswith("encoders."))


def test_samples_add_up_however_they_are_batched():
    model = small(SCMRL).model(SPEC)
    whole = inputs(model, batch=5)
    parts = [{m: x.narrow(-4, start, size) for m, x in whole.items()} for start, size in ((0, 2), (2, 3))]
    one, two = count(model, [whole]), count(model, parts)
    assert one.samples == two.samples == 5
    assert [(x.name, x.uses, x.events, x.macs) for x in one.layers] == [
        (x.name, x.uses, x.events, x.macs) for x in two.layers
    ]
    assert [replace(x, stored=0, sources=0, results=0) for x in one.layers if x.values == "spikes"] == [
        replace(x, stored=0, sources=0, results=0) for x in two.layers if x.values == "spikes"
    ]
    assert one.neurons == two.neurons
    assert together([count(model, [part]) for part in parts]) == two


def test_the_model_is_left_as_it_was():
    model = small(CMCI).model(SPEC).train()
    before = {name: x.clone() for name, x in model.state_dict().items()}
    state = torch.get_rng_state()
    count(model, [inputs(model)])
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_nothing_cannot_be_counted():
    with pytest.raises(ColliculusError, match="at least one"):
        count(small(CMCI).model(SPEC), [])
