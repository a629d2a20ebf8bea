"""Other programs read the graphs and send the same spikes; each test needs one that is installed.

    pip install --no-deps spikingjelly==2.0.0 loguru nirtorch snntorch norse

in an environment of its own: SpikingJelly asks for torchvision, which may replace PyTorch.
"""

from __future__ import annotations

import contextlib
import io

import nir
import pytest
import torch
from active import assert_active

from colliculus.export.nir.check import coded, run_parts
from colliculus.export.nir.graph import GraphWriter
from colliculus.export.nir.interpret import interpret
from colliculus.export.nir.parts import token_parts
from colliculus.methods import CMCI, SCMRL, LateFusion, Tectum
from colliculus.neurons import Dynamics, NeuronSettings, lif

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the other programs

SMALL = {"dim": 8, "encoder": "shallow"}
DT = 1e-4
NETWORKS = {
    "sum": (LateFusion(**SMALL), {}),
    "sum, convolutions": (LateFusion(**SMALL), {"pool": "conv"}),
    "concatenation": (LateFusion(**SMALL, fusion="concat"), {}),
    "CMCI": (CMCI(**SMALL), {}),
    "PLIF": (LateFusion(**SMALL, neuron=NeuronSettings(kind="plif", tau=1.7)), {}),
    "mask": (SCMRL(**SMALL, cross_attention="mask"), {}),
    "Tectum": (Tectum(**SMALL, neuron=NeuronSettings(kind="graded", levels=2)), {}),
    "encoders": (SCMRL(**SMALL, heads=2), {"find": token_parts}),
    "encoders, convolutions": (SCMRL(**SMALL, heads=2), {"find": token_parts, "pool": "conv"}),
    "apart, convolutions": (LateFusion(**SMALL), {"stacked": False, "pool": "conv"}),
}
BRANCHES = ("sum, convolutions",)
"""Where Norse gives wrong numbers, because branches that meet are a step apart in it."""


def stepped(network, x):
    """Outputs of a network of another program over all steps."""
    state, found = None, []
    with torch.no_grad():
        for frame in x:
            out, state = network(frame, state)
            found.append(out)
    return torch.stack(found)


def spikingjelly(path):
    pytest.importorskip("loguru")
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    return exchange.import_from_nir(path, dt=DT)


def snntorch(path):
    reader = pytest.importorskip("snntorch.import_nir")
    with contextlib.redirect_stdout(io.StringIO()):
        return reader.import_from_nir(nir.read(path))


def norse(path):
    reader = pytest.importorskip("norse.torch.utils.import_nir")
    return reader.from_nir(nir.read(path), dt=DT)


def largest_difference(network, parts, read, folder):
    """Largest difference of a reader from our interpreter over all graphs. The rest reads the others' tokens."""
    inputs = coded(network.model, network.inputs)
    tokens, worst = run_parts(parts, inputs, DT).tokens, 0.0
    for part in parts:
        x = torch.cat([(tokens if part.of_tokens else inputs)[m] for m in part.takes], 2)
        path = folder / f"{part.name}.nir"
        nir.write(path, part.graph)
        expected, _ = interpret(nir.read(path), x, dt=DT)
        assert_active(expected)
        worst = max(worst, float((stepped(read(path), x) - expected).abs().max()))
    return worst


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("read", [spikingjelly, snntorch])
def test_the_spikes_are_the_same(alive, tmp_path, read, name) -> None:
    method, settings = NETWORKS[name]
    network = alive(method)
    assert largest_difference(network, network.parts(**settings), read, tmp_path) < 1e-6


@pytest.mark.parametrize("name", [name for name in NETWORKS if "convolutions" in name])
def test_norse_reads_graphs_of_one_modality(alive, tmp_path, name) -> None:
    method, settings = NETWORKS[name]
    network = alive(method)
    difference = largest_difference(network, network.parts(**settings), norse, tmp_path)
    assert difference > 1e-3 if name in BRANCHES else difference < 1e-6


@pytest.mark.parametrize("read", [spikingjelly, snntorch, norse])
def test_a_reader_fires_at_equality(tmp_path, read) -> None:
    """Integer currents, whose membranes often lie exactly at the threshold."""
    graph = GraphWriter(steps=4, dt=DT, pool="avg")
    x = torch.randint(-1, 3, (4, 2, 5, 6, 6)).float()
    nir.write(tmp_path / "n.nir", graph.output(graph.fires("n", graph.input((5, 6, 6)), threshold=0.5, tau=2.0)))
    expected = lif(x, 0.5, Dynamics(threshold=0.5))
    assert_active(expected)
    assert torch.equal(stepped(read(tmp_path / "n.nir"), x).to(expected.dtype), expected)
