"""The regulariser of the number of spikes: counted as by hand, 0 up to the target, and training lowers it."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from active import assert_active
from small_methods import read_by

from colliculus import ColliculusError, DataSpec
from colliculus.evaluation.spike_health import measure_spike_health
from colliculus.losses import SpikeRate
from colliculus.methods import METHODS, LateFusion, Unimodal
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.neurons import NeuronSettings, SpikeTally
from colliculus.neurons.neuron import SpikingNeuron
from colliculus.types import Output

SPEC = DataSpec(channels={"audio": 1, "visual": 2}, sizes={"audio": (8, 8), "visual": (8, 12)}, num_classes=3)
LABELS = torch.tensor([0, 1, 2, 0])
GRADED = NeuronSettings(kind="graded", levels=4)
KINDS = {"lif": NeuronSettings(), "plif": NeuronSettings(kind="plif"), "graded": GRADED}


def small(neuron=GRADED, **changes):
    return LateFusion(dim=8, time_steps=2, encoder="shallow", neuron=neuron, **changes)


def inputs(batch=4):
    generator = torch.Generator().manual_seed(0)
    return {m: 3 * torch.randn(SPEC.input_shape(m, batch), generator=generator) for m in SPEC.modalities}


def built(method):
    torch.manual_seed(0)
    return method.model(SPEC)


def by_hand(model, batch):
    """Spikes of each clip: what every neuron sends, in its unit, added up outside of the model."""
    seen = []
    handles = [
        neuron.register_forward_hook(
            lambda n, _, s: seen.append((s.double() / n.unit).transpose(0, 1).flatten(1).sum(1))
        )
        for neuron in model.modules()
        if isinstance(neuron, SpikingNeuron)
    ]
    with torch.no_grad():
        deepcopy(model)(batch)
    for handle in handles:
        handle.remove()
    return torch.stack(seen).sum(0)


def test_the_value_by_hand() -> None:
    logits = torch.zeros(2, 4)
    output = Output(logits, logits[None], {}, spikes=torch.tensor([100.0, 500.0], requires_grad=True))
    loss = SpikeRate(target=150.0, weight=0.5)(output, LABELS[:2])
    assert loss.item() == pytest.approx(0.5 * math.log(300 / 150))
    loss.backward()
    assert output.spikes.grad.tolist() == pytest.approx([0.5 / 600] * 2)  # d log(mean) / ds = 1 / (B * mean)
    for target in (300.0, 301.0):
        assert SpikeRate(target=target)(output, LABELS[:2]).item() == 0
    with pytest.raises(ColliculusError, match="count_spikes"):
        SpikeRate(target=1.0)(replace(output, spikes=None), LABELS)


@pytest.mark.parametrize("neuron", KINDS.values(), ids=KINDS)
def test_the_spikes_are_those_that_the_neurons_send(neuron) -> None:
    model, batch = built(small(neuron, rate_target=1.0)), inputs()
    expected = by_hand(model, batch)
    assert_active(expected)
    output = model(batch)
    torch.testing.assert_close(output.spikes.double(), expected, rtol=1e-6, atol=0)
    again = model(batch).spikes  # nothing of the first pass is left
    torch.testing.assert_close(again, output.spikes, rtol=1e-6, atol=0)
    assert model.eval()(batch).spikes is None
    assert not any(module._forward_hooks for module in model.modules())
    assert model.train()(batch).spikes is not None


def test_what_is_counted_is_what_spike_health_counts() -> None:
    model, batch = built(small(rate_target=1.0)), inputs()
    health = measure_spike_health(model, batch)
    assert health.spikes == pytest.approx(model(batch).spikes.mean().item(), rel=1e-5)
    assert max(layer.levels for layer in health.layers) == 4


def test_a_copy_counts_its_own_spikes() -> None:
    model, batch = built(small(rate_target=1.0)), inputs()
    copied = deepcopy(model)
    found = copied({m: x.abs() for m, x in batch.items()}).spikes
    assert not torch.equal(found, model(batch).spikes)
    assert torch.equal(copied({m: x.abs() for m, x in batch.items()}).spikes, found)


def test_a_part_that_is_computed_again_is_counted_once() -> None:
    method, batch = small(rate_target=10.0), inputs()
    found = []
    for recompute in (False, True):
        model = built(method)
        model.recompute = recompute
        for _ in range(2):
            model.zero_grad()
            output = model(batch)
            losses = method.objective()(output, LABELS)
            losses["rate"].backward()
        gradients = [p.grad for p in model.encoders.parameters() if p.grad is not None]
        found.append((output.spikes, torch.cat([g.flatten() for g in gradients])))
    assert_active(found[0][1])
    for mine, theirs in zip(*found, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("neuron", KINDS.values(), ids=KINDS)
def test_training_lowers_the_number_to_the_target(neuron) -> None:
    batch = inputs()
    before = built(small(neuron, rate_target=1.0))(batch).spikes.mean().item()
    method = small(neuron, rate_target=0.6 * before)
    model = built(method)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(20):
        losses = method.objective()(model(batch), LABELS)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert [*losses] == ["task", "rate"]
    after = model(batch).spikes.mean().item()
    assert 0 < after < 0.8 * before


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_the_term(name) -> None:
    kind = METHODS[name]
    sizes = {"dim": 8, "heads": 2, "time_steps": 2, "encoder": "shallow", "rate_target": 1.0}
    method = kind(**read_by(kind, sizes))
    assert isinstance(method, SpikingTransformer)
    model = built(method)
    output = model({m: x for m, x in inputs().items() if m in model.modalities})
    losses = method.objective()(output, LABELS)
    assert losses["rate"].item() == pytest.approx(math.log(output.spikes.mean().item()))
    without = replace(method, rate_target=None)
    assert "rate" not in without.objective().terms
    assert not any(module._forward_hooks for module in built(without).modules())


def test_settings_are_checked() -> None:
    with pytest.raises(ColliculusError, match=r"`rate_weight` is 0.5, .* without `rate_target`"):
        small(rate_weight=0.5)
    with pytest.raises(ColliculusError, match="a ReLU sends no spikes"):
        small(NeuronSettings(kind="relu"), rate_target=100.0)
    for bad in ({"rate_target": 0.0}, {"rate_target": 1.0, "rate_weight": -1.0}, {"rate_target": float("nan")}):
        with pytest.raises(ColliculusError, match="choose both above 0"):
            small(**bad)
    assert Unimodal(rate_target=3000.0).rate_weight == 1.0


def test_a_tally_removes_its_hooks() -> None:
    neuron, tally = GRADED(), SpikeTally()
    for active in (True, True, False):
        tally.listen(neuron, active=active)
    assert not neuron._forward_hooks
