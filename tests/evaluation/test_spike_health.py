from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from colliculus.evaluation.inspection import _parts
from colliculus.evaluation.spike_health import (
    LayerHealth,
    SpikeHealth,
    measure_spike_health,
    read_health,
    write_health,
)
from colliculus.methods import LateFusion, Tectum
from colliculus.neurons import NeuronSettings, SpikingNeuron
from colliculus.types import DataSpec


@pytest.fixture
def batch(split):
    return split.batch(np.arange(len(split)), epoch=0)


def layer(name="x.y.neuron", rate=0.1):
    return LayerHealth(name=name, rate=rate, step_rates=(rate,), num_neurons=4, silent=0.0)


def task(output, labels):
    return {"task": torch.nn.functional.cross_entropy(output.logits, labels)}


def test_rates_are_those_a_hook_sees(model, batch):
    model.eval()
    seen = {}
    for name, module in model.named_modules():
        if isinstance(module, SpikingNeuron):
            module.register_forward_hook(lambda _m, _i, spikes, name=name: seen.update({name: spikes}))
    health = measure_spike_health(model, batch.inputs)
    seen.clear()
    model(batch.inputs)
    assert {layer.name for layer in health.layers} == set(seen)
    for found in health.layers:
        spikes = seen[found.name]
        assert found.rate == pytest.approx(spikes.mean().item())
        assert found.step_rates == pytest.approx([step.mean().item() for step in spikes])
        assert found.num_neurons == spikes[0, 0].numel()
        assert found.silent == pytest.approx((spikes.sum(dim=(0, 1)) == 0).float().mean().item())
    assert any(found.rate > 0 for found in health.layers)


def test_graded_spikes_count_unfolded(batch, model) -> None:
    method = LateFusion(
        dim=16, encoder="shallow", time_steps=3, neuron=NeuronSettings(kind="graded", levels=4, step=0.25)
    )
    torch.manual_seed(0)
    model = method.model(model.spec).train()
    seen = {}
    for name, module in model.named_modules():
        if isinstance(module, SpikingNeuron):
            module.register_forward_hook(lambda _m, _i, spikes, name=name: seen.update({name: 4 * spikes}))
    model(batch.inputs)
    health = measure_spike_health(model, batch.inputs)
    for found in health.layers:
        assert found.rate == pytest.approx(seen[found.name].mean().item(), rel=1e-5)
        assert found.levels == 4
    assert health.spikes == pytest.approx(sum(x.sum().item() for x in seen.values()) / len(batch), rel=1e-5)
    assert any("each level of a graded one (up to 4)" in note for note in health.table().notes)


def test_a_graded_rate_is_judged_by_its_levels() -> None:
    assert layer(rate=1.5).verdict == "high"
    assert replace(layer(rate=1.5), levels=4).verdict == ""
    assert replace(layer(rate=2.5), levels=4).verdict == "high"


def test_a_network_without_spiking_neurons_says_so(batch, model) -> None:
    model = LateFusion(dim=16, encoder="shallow", neuron=NeuronSettings(kind="relu")).model(model.spec)
    health = measure_spike_health(model, batch.inputs)
    assert (health.layers, health.spikes, health.warnings()) == ((), 0, [])
    assert "the network has no spiking neurons: it is an ANN" in health.table().notes
    assert health.figure().axes


@pytest.mark.parametrize("training", [True, False])
def test_measuring_leaves_the_model_and_the_random_numbers_as_they_were(model, batch, training):
    model.train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    measure_spike_health(model, batch.inputs, batch.labels, task)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training is training
    assert not any(module._forward_hooks for module in model.modules())


def test_training_mode_normalises_by_the_batch(model, batch):
    rates = [
        [found.rate for found in measure_spike_health(model.train(mode), batch.inputs).layers] for mode in (True, False)
    ]
    assert rates[0] != rates[1]


def test_parameters_that_nothing_reaches_are_found(model, batch):
    def visual_only(output, labels):
        return {"task": torch.nn.functional.cross_entropy(output.evidence["visual"].mean(0), labels)}

    health = measure_spike_health(model.train(), batch.inputs, batch.labels, visual_only)
    audio = {name: p.numel() for name, p in model.named_parameters() if name.startswith("encoders.audio")}
    assert audio.items() <= health.zero_gradient.items()
    assert "encoders.visual.0.stages.0.conv.weight" not in health.zero_gradient
    assert health.num_parameters == sum(p.numel() for p in model.parameters())
    idle = sum(health.zero_gradient.values())
    assert health.warnings()[-1].startswith(f"{idle:,} of {health.num_parameters:,} parameters")


@pytest.mark.parametrize("kept", [True, False])
def test_a_part_that_was_left_out_has_neither_parameters_nor_a_warning(batch, kept):
    method, shape = Tectum(dim=16), (8, 8)
    torch.manual_seed(0)
    spec = DataSpec(
        channels={"audio": 1, "visual": 2}, sizes={"audio": shape, "visual": shape}, num_classes=3, steps={"visual": 3}
    )
    model = method.model(spec).train()

    model.fusion.join.layer.kept.fill_(kept)
    health = measure_spike_health(model, batch.inputs, batch.labels, method.objective())
    names = {name for name in health.zero_gradient if "layer" in name or name == "head.joint.weight"}
    assert not names
    assert (health.num_parameters == sum(p.numel() for p in model.parameters())) == kept
    assert sum(_parts(model).values()) == health.num_parameters
    assert health.spikes > 0


def test_without_an_objective_nothing_is_said_of_gradients(model, batch):
    assert measure_spike_health(model, batch.inputs).zero_gradient is None


def test_an_objective_without_labels_is_a_mistake(model, batch):
    with pytest.raises(ValueError, match="labels"):
        measure_spike_health(model, batch.inputs, objective=task)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.6])
def test_a_healthy_layer_raises_no_warning(rate):
    assert SpikeHealth(layers=(layer(rate=rate),), num_parameters=1).warnings() == []


@pytest.mark.parametrize(("rate", "kind"), [(0.0, "are silent"), (0.009, "fire below 1%"), (0.61, "fire above 60%")])
def test_a_sick_layer_is_named(rate, kind):
    health = SpikeHealth(layers=(layer(), layer("a.b.c.neuron", rate)), num_parameters=1)
    assert health.warnings() == [f"1 of 2 layers {kind}: a.b.c"]


def test_of_silent_layers_it_is_told_after_how_much_training():
    health = SpikeHealth(layers=(layer(), layer("a.b.c.neuron", 0.0)), num_parameters=1, trained_steps=1200)
    assert health.warnings() == ["1 of 2 layers are silent after 1,200 steps of training: a.b.c"]


def test_many_sick_layers_are_summed_up():
    health = SpikeHealth(layers=tuple(layer(f"a.b.{i}", 0.0) for i in range(7)), num_parameters=1)
    assert health.warnings() == ["7 of 7 layers are silent: a.b.0, a.b.1, a.b.2, a.b.3 and 3 more"]


def test_a_layer_knows_its_part():
    assert (layer("encoders.audio.stages.0.neuron").part, layer("a.b.neuron").label) == ("encoders.audio", "a.b")


@pytest.fixture
def mixed():
    """A silent, a quiet, a healthy and a busy layer of two parts."""
    rates = {"encoders.audio.0.neuron": 0.0, "encoders.audio.1.neuron": 0.005, "head.a.x.neuron": 0.1, "head.a.y": 0.7}
    return SpikeHealth(layers=tuple(layer(name, rate) for name, rate in rates.items()), num_parameters=1)


def test_the_table_judges_every_layer_and_lists_the_warnings(mixed):
    lines = [line.split() for line in str(mixed.table()).splitlines()]
    found = {words[0]: words[1:] for words in lines if words}
    assert [found[name][:2] for name in ("0", "1", "y")] == [["0.0%", "silent"], ["0.5%", "low"], ["70.0%", "high"]]
    assert found["encoders.audio"] == found["head.a"] == []  # parts
    assert str(mixed.table()).count("warning: 1 of 4 layers") == 3


def test_the_figure_shows_rates_steps_and_silent_neurons(mixed):
    rates, steps, silent = mixed.figure().subfigs[0].axes
    assert [bar.get_width() for bar in rates.patches[1:]] == pytest.approx([0, 0.5, 10, 70])  # after the healthy band
    assert len({bar.get_facecolor() for bar in rates.patches[1:]}) == 3
    assert [text.get_text() for text in steps.texts] == ["0.0", "0.5", "10.0", "70.0"]
    assert [bar.get_width() for bar in silent.patches] == [0, 0, 0, 0]


def test_moments_of_a_training_are_recorded_beside_each_other(mixed, tmp_path):
    assert read_health(tmp_path) == {}
    write_health(tmp_path, "start", mixed)
    write_health(tmp_path, "end", replace(mixed, trained_steps=7))
    assert read_health(tmp_path) == {"start": mixed, "end": replace(mixed, trained_steps=7)}
    (tmp_path / "spike_health.json").write_text("{")
    assert read_health(tmp_path) == {}
