"""Products value by value that count: the weights of a weighted readout, and spikes that meet spikes."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from active import assert_active, awake
from torch import nn

from colliculus.evaluation.energy.cost import TABLES, spiking_layer
from colliculus.evaluation.energy.count import count
from colliculus.evaluation.energy.events import GradedSpikes
from colliculus.evaluation.energy.products import elementwise
from colliculus.fusion import ReadoutWeights, Sum
from colliculus.fusion.joint import coincidences
from colliculus.heads import LinearReadout
from colliculus.methods import CMQKA, SCMRL, Tectum
from colliculus.neurons import LIF, GradedDynamics, GradedNeuron, NeuronSettings
from colliculus.types import DataSpec

GRADED = GradedDynamics(levels=8, step=0.5)
SIZES = {"audio": (16, 16), "visual": (16, 16), "touch": (16, 16)}
SPEC = DataSpec(channels=dict.fromkeys(SIZES, 1), sizes=SIZES, num_classes=3, steps=dict.fromkeys(SIZES, 3))
COMMON = {"dim": 16, "encoder": "shallow", "time_steps": 3}


def inputs(batch=2):
    generator = torch.Generator().manual_seed(0)
    return {m: 2 * torch.randn(SPEC.input_shape(m, batch), generator=generator) for m in SPEC.modalities}


def built(method):
    torch.manual_seed(0)
    return awake(method.model(SPEC), inputs(), current=0.5)


def kept(model, *names):
    """What these modules give for the inputs."""
    found = {}
    hooks = [
        model.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: found.__setitem__(name, out))
        for name in names
    ]
    with torch.no_grad():
        model(inputs())
    for hook in hooks:
        hook.remove()
    return [found[name] for name in names]


def row(counts, name):
    (found,) = [x for x in counts.layers if x.name == name]
    return found


@pytest.mark.parametrize(("neuron", "level"), [(LIF, 1), (lambda: GradedNeuron(dynamics=GRADED), 8)])
@pytest.mark.parametrize("maps", [1, 2])
def test_each_token_that_fires_is_used_once_by_each_map(two_layers, picture, neuron, level, maps) -> None:
    """Three of the four tokens of the first of two channels fire at both steps, as `test_count.py` says by hand."""
    model = two_layers(2, neuron)
    model.fusion = Sum(nn.ModuleDict({"x": ReadoutWeights(2, 2, 4, maps=maps)}))
    model.head = LinearReadout(2 * maps, 3)
    found = row(count(model, [picture]), "fusion.pooling.x")
    assert (found.kind, found.values, found.decides) == ("elementwise", "spikes", True)
    assert (found.events, found.uses, found.ac, found.mac) == (level * 6, level * 6 * maps, level * 6 * maps, 0)
    assert (found.inputs, found.dense_uses, found.outputs) == (16, 16 * maps, 4 * maps)
    assert (found.weight_shape, found.stored) == ((maps, 2, 2, 4), 16 * maps)
    # 10 pJ an access of a small memory: an event is read once, each use reads a weight and reads and writes a sum.
    cost = spiking_layer(found, TABLES["45nm-fp32"])
    assert 1000 * cost.memory_nj == pytest.approx(10 * level * 6 * (1 + 3 * maps))
    assert 1000 * cost.compute_nj == pytest.approx(0.9 * level * 6 * maps)


def test_spikes_that_meet_are_counted_as_by_hand() -> None:
    left, right = torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    found = elementwise(left * right, left, right)
    assert (found.uses, found.values, found.events, found.dense_uses) == (1, "spikes", 2, 3)
    numbers = torch.tensor([[0.3, -0.2, 0.0]])
    found = elementwise(numbers * right, numbers, right)  # a number is added where a spike comes
    assert (found.uses, found.values, found.events) == (2, "spikes", 2)
    assert elementwise(numbers * numbers, numbers, numbers).values == "numbers"


def test_levels_meet_levels() -> None:
    left, right = torch.tensor([0.5, 1.0, 0.0]), torch.tensor([1.0, 0.5, 2.0])
    sent = frozenset(x.untyped_storage().data_ptr() for x in (left, right))
    found = elementwise(left * right, left, right, graded=GradedSpikes((0.5,), sent))
    assert (found.uses, found.values, found.events) == (1 * 2 + 2 * 1, "spikes", 3)


def test_one_value_for_each_channel_meets_every_token() -> None:
    mask, value = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]])
    found = elementwise(mask * value, mask, value)
    assert (found.uses, found.dense_uses, found.outputs) == (2, 6, 6)


@pytest.mark.parametrize("kind", ["lif", "graded"])
def test_the_coincidences_of_the_joint_layer_are_counted(kind) -> None:
    neuron = NeuronSettings(kind=kind)
    model, layer = built(Tectum(**COMMON, neuron=neuron)), "fusion.join.layer"
    driven = kept(model, *(f"{layer}.drive.{m}" for m in SPEC.modalities))
    assert_active(*driven)
    a, b, c = ((x / neuron.step).round() if kind == "graded" else x for x in driven)  # levels
    counts = count(model, [inputs()])
    first, second = row(counts, f"{layer} product 1"), row(counts, f"{layer} product 2")
    pairs = triples = 0
    for place in product(*map(range, a.shape)):
        pairs += a[place].item() * b[place].item()
        triples += c[place].item() * bool(a[place] or b[place])  # one level of c adds what is there of a, b and both
    assert (first.uses, first.values, first.mac) == (pairs, "spikes", 0)
    assert (second.uses, second.values, second.mac) == (triples, "spikes", 0)
    assert first.dense_uses == second.dense_uses == a.numel()
    assert first.decides
    assert second.decides
    assert not [x for x in counts.layers if x.name.startswith(f"{layer} product") and x not in (first, second)]


def test_the_conjunction_uses_the_coincidences() -> None:
    model, layer = built(Tectum(**COMMON, neuron=NeuronSettings(kind="lif"))), "fusion.join.layer"
    met = coincidences(kept(model, *(f"{layer}.drive.{m}" for m in SPEC.modalities)))
    found = row(count(model, [inputs()]), f"{layer}.conjunction.linear")
    assert found.events == met.count_nonzero()
    assert found.uses == 16 * found.events


@pytest.mark.parametrize("method", [SCMRL(**COMMON, cross_attention="mask"), Tectum(**COMMON, exchange="mask")])
def test_the_products_of_a_mask_are_counted(method) -> None:
    """q and k meet at each token, then the mask of a channel and each token of v."""
    model, layer = built(method), "fusion.attention.audio_from_visual"
    unit = method.neuron.step if method.neuron.kind == "graded" else 1.0
    query, key, mask, value = (
        (x / unit).round() for x in kept(model, *(f"{layer}.{part}" for part in ("query", "key", "neuron", "value")))
    )
    assert_active(query, key, mask, value)
    met = passed = 0
    for t, b, d, n in product(*map(range, value.shape)):
        met += query[t, b, d, n].item() * key[t, b, d, n].item()
        passed += mask[t, b, d, 0].item() * value[t, b, d, n].item()
    counts = count(model, [inputs()])
    first, second = row(counts, f"{layer} product 1"), row(counts, f"{layer} product 2")
    assert (first.uses, first.values) == (met, "spikes")
    assert (second.uses, second.values) == (passed, "spikes")
    assert first.dense_uses == second.dense_uses == value.numel()


@pytest.mark.parametrize("kind", ["lif", "graded"])
def test_no_other_product_value_by_value_is_counted(kind) -> None:
    counts = count(built(Tectum(**COMMON, neuron=NeuronSettings(kind=kind), exchange="attention")), [inputs()])
    assert {x.name for x in counts.layers if x.kind == "elementwise"} == {
        f"fusion.join.pooling.{m}" for m in SPEC.modalities
    }


def test_a_joint_layer_that_is_left_out_costs_nothing() -> None:
    model, layer = built(Tectum(**COMMON)), "fusion.join.layer"
    whole = count(model, [inputs()])
    model.get_submodule(layer).kept.fill_(False)
    left = count(model, [inputs()])

    def inside(counts):
        return [x for x in (*counts.layers, *counts.neurons) if x.name.startswith(layer)]

    assert len(inside(whole)) > 10
    assert all(x.decides for x in inside(whole))
    assert not inside(left)
    assert row(left, "head.joint").uses == 0
    others = [(x.name, x.uses) for x in whole.layers if not x.name.startswith((layer, "head.joint"))]
    assert others == [(x.name, x.uses) for x in left.layers if x.name != "head.joint"]


@pytest.mark.parametrize("neuron", [NeuronSettings(), NeuronSettings(kind="graded")], ids=lambda n: n.kind)
@pytest.mark.parametrize("spatial", ["channel", "token"])
def test_the_mask_of_q_k_attention_is_counted(spatial, neuron) -> None:
    """A spike of the key meets the mask of its channel or token, then that of any step."""
    method = CMQKA(
        **COMMON, stages="last", spatial=spatial, neuron=neuron, **({"heads": 2} if spatial == "token" else {})
    )
    model = built(method)
    counts = count(model, [inputs()])
    for branch in range(2):
        layer = f"fusion.exchanges.0.attention.audio_from_visual.branches.{branch}"
        unit = neuron.step if neuron.kind == "graded" else 1.0
        mask, key = ((x / unit).round() for x in kept(model, f"{layer}.neuron", f"{layer}.key"))
        assert_active(mask, key)
        per = key.shape[2] // mask.shape[2]  # channels that share a mask
        met = sum(
            key[t, b, d, n].item() * mask[t % len(mask), b, d // per, n % mask.shape[3]].item()
            for t, b, d, n in product(*map(range, key.shape))
        )
        found = row(counts, f"{layer} product 1")
        assert (found.uses, found.values, found.mac, found.decides) == (met, "spikes", 0, True)
