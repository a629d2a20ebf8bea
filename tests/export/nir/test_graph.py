"""Kinds of nodes, each against the function of PyTorch that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from active import assert_active
from torch.nn import functional

from colliculus.export.nir import graph as graph_module
from colliculus.export.nir.fold import identity
from colliculus.export.nir.graph import GraphWriter, Signal
from colliculus.export.nir.interpret import interpret
from colliculus.export.nir.layers import Writing, write
from colliculus.neurons import Dynamics, GradedDynamics, GradedNeuron, graded, lif
from colliculus.types import ColliculusError

DT = 1e-4


def writer(steps=4, pool="avg", bits=None):
    return GraphWriter(steps=steps, dt=DT, pool=pool, bits=bits)


def spikes_in(graph, shape, count):
    """Signals of spikes: those of channels of the input."""
    whole = graph.input((count * shape[0], *shape[1:]))
    parts = [Signal(whole.nodes, shape, start=i * shape[0]) for i in range(count)]
    return [graph.fires(f"s{i}", part, threshold=0.5, tau=1.0) for i, part in enumerate(parts)]


@pytest.mark.parametrize("pool", ["avg", "conv"])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [((3, 3), (2, 2), (1, 1)), ((1, 3), (1, 2), (0, 1)), ((2, 2), (2, 2), (0, 0))]
)
def test_the_maximum_of_spikes(pool, kernel, stride, padding) -> None:
    graph, x = writer(pool=pool), (torch.rand(6, 2, 3, 7, 8) < 0.12).float()
    (spikes,) = spikes_in(graph, (3, 7, 8), 1)
    out, _ = interpret(graph.output(graph.any_in_window("pool", spikes, kernel, stride, padding)), x, dt=DT)
    expected = torch.stack([functional.max_pool2d(step, kernel, stride, padding) for step in x])
    assert_active(expected)
    assert torch.equal(out, expected)


@pytest.mark.parametrize("steps", [1, 3])
def test_graded_neurons_and_their_maximum(steps) -> None:
    neuron, x = GradedNeuron(dynamics=GradedDynamics(levels=4, step=0.5)), torch.randn(steps, 2, 3, 7, 8)
    x = (8 * x).round() / 8  # many values lie exactly at a threshold
    graph = writer(steps)
    spikes = write(neuron, Writing(graph, {neuron: "neuron"}), graph.input((3, 7, 8)))
    pooled = graph.any_in_window("pool", spikes, (3, 3), (2, 2), (1, 1))
    out, seen = interpret(graph.output(pooled), x, dt=DT, watched=spikes.nodes)
    expected = graded(x, dynamics=neuron.dynamics)
    assert len(expected.unique()) == 5
    assert torch.equal(sum(seen[node] for node in spikes.nodes) * spikes.unit, expected)
    assert torch.equal(out, torch.stack([functional.max_pool2d(step, 3, 2, 1) for step in expected]))


@pytest.mark.parametrize("count", [2, 3])
def test_a_product_of_spikes(count) -> None:
    graph, x = writer(), (torch.rand(8, 2, count * 2, 3, 3) < 0.6).float()
    out, _ = interpret(graph.output(graph.all_of("both", spikes_in(graph, (2, 3, 3), count))), x, dt=DT)
    expected = x.unflatten(2, (count, 2)).prod(2)
    assert_active(expected)
    assert torch.equal(out, expected)


def test_a_product_of_sums_of_spikes() -> None:
    graph, x = writer(), (torch.rand(8, 2, 8, 3, 3) < 0.6).float()
    a, b, c, d = spikes_in(graph, (2, 3, 3), 4)
    left, right = graph.sum("left", [a, b]).times(0.5), graph.sum("right", [c, d]).times(3.0)
    out, _ = interpret(graph.output(graph.all_of("both", [left, right])), x, dt=DT)
    a, b, c, d = x.unflatten(2, (4, 2)).unbind(2)
    assert torch.equal(out, (a + b) * 0.5 * (c + d) * 3.0)


def test_sums_of_other_units_and_of_the_same_node() -> None:
    graph, x = writer(), (torch.rand(4, 2, 4, 3, 3) < 0.6).float()
    a, b = spikes_in(graph, (2, 3, 3), 2)
    total = graph.sum("total", [a, b.times(0.25), a, b])
    out, _ = interpret(graph.output(total), x, dt=DT)
    first, second = x.unflatten(2, (2, 2)).unbind(2)
    assert torch.equal(out, 2 * first + 1.25 * second)


def test_stacked_inputs_are_added_and_scaled() -> None:
    graph, x = writer(), torch.randn(4, 2, 4, 3, 3)
    whole = graph.input((4, 3, 3))
    left, right = (Signal(whole.nodes, (2, 3, 3), start=start) for start in (0, 2))
    out, _ = interpret(graph.output(graph.sum("total", [left, right.times(2.0)])), x, dt=DT)
    assert torch.equal(out, x[:, :, :2] + 2 * x[:, :, 2:])


def equal_spikes(threshold=0.5):
    """Spikes of our neuron and of NIR's for integer currents, whose membranes often lie exactly at the threshold."""
    x = torch.randint(-1, 3, (4, 2, 5, 6, 6)).float()
    graph = writer()
    out, _ = interpret(graph.output(graph.fires("n", graph.input((5, 6, 6)), threshold=threshold, tau=2.0)), x, dt=DT)
    return out, lif(x, 0.5, Dynamics(threshold=threshold))


def test_equality_fires() -> None:
    found, expected = equal_spikes()
    assert_active(expected)
    assert torch.equal(found, expected)


def test_without_the_next_smaller_threshold_spikes_would_differ(monkeypatch) -> None:
    monkeypatch.setattr(np, "nextafter", lambda x, _towards: x)
    found, expected = equal_spikes()
    assert (found != expected).float().mean() > 0.05


def test_learned_weights_have_few_bits_and_others_stay() -> None:
    graph = writer(bits=2)
    x = graph.conv("learned", identity(2, 0.3).reading(0, 2), graph.input((2, 1, 1)))
    layer = identity(2).times(1.0)
    layer.weight[0, 1] = 0.3
    graph.conv("kept", layer, x, learned=False)
    graph.conv("rounded", layer, x)
    assert graph.nodes["kept"].weight[0, 1, 0, 0] == np.float32(0.3)
    assert graph.nodes["rounded"].weight[0, 1, 0, 0] == 0
    assert graph.nodes["learned"].weight[0, 0, 0, 0] == np.float32(0.3)  # the largest of its channel


@pytest.mark.parametrize(("weight", "expected"), [(0.3, 0.25), (-0.4, -0.5), (1.0, 1.0), (0.0, 0.0)])
def test_an_edge_weight_of_few_bits_is_a_power_of_two(weight, expected) -> None:
    assert writer(bits=8).edge_weight(weight) == expected
    assert writer().edge_weight(weight) == weight


def test_names_are_free_and_can_be_attributes() -> None:
    graph = writer()
    x = graph.input((1, 1, 1))
    names = [graph.conv(name, identity(1), x).nodes[0] for name in ("a.b", "a-b", "a_b")]
    assert len({*names}) == 3
    assert all(name.isidentifier() for name in names)


def test_a_package_that_is_not_installed(monkeypatch) -> None:
    def missing(_name):
        raise ModuleNotFoundError

    monkeypatch.setattr(graph_module, "import_module", missing)
    with pytest.raises(ColliculusError, match=r"NIR graphs need nir: pip install 'colliculus\[nir\]'"):
        writer()
