"""A run with graded neurons, and one with ReLU (an ANN), pass every measurement and the report."""

from __future__ import annotations

from dataclasses import replace

import pytest

import colliculus as cl
from colliculus.neurons import NeuronSettings


@pytest.fixture(scope="module", params=["graded", "relu"])
def run(request, tmp_path_factory):
    small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
    experiment = cl.preset("late-fusion-synthetic", **small)
    method = replace(experiment.method, neuron=NeuronSettings(kind=request.param, temporal_gradient=False))
    folder = tmp_path_factory.mktemp(request.param) / "run"
    cl.fit(replace(experiment, method=method), out=folder, progress=False)
    return request.param, cl.load(folder)


def test_it_loads_with_its_neuron(run) -> None:
    kind, loaded = run
    assert loaded.experiment.method.neuron.kind == kind
    assert cl.evaluate(loaded).to_dict()


def test_energy_says_whether_there_are_spikes(run) -> None:
    kind, loaded = run
    found = cl.energy(loaded, samples=2)
    assert found.spiking is (kind == "graded")
    assert (found.operations.ac > 0) is found.spiking
    assert (found.operations.spikes > 0) is found.spiking
    assert next(iter(found.networks())) == ("spiking" if found.spiking else "ANN, zeros skipped")
    assert ("none: the network is an ANN" in str(found.table())) is not found.spiking
    assert found.figure().axes
    assert type(found).from_dict(found.to_dict()) == found


def test_the_other_measurements_and_the_report_work(run, tmp_path) -> None:
    kind, loaded = run
    found = cl.inspect(loaded)
    assert bool(found.health.layers) is (kind == "graded")
    assert found.draw(tmp_path)
    assert cl.explain(loaded).clips
    assert cl.report([loaded.folder], out=tmp_path / "page.html")
