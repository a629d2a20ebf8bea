"""Accuracies of trained ANN counterparts beside the energies of a run."""

from __future__ import annotations

import json

import pytest

import colliculus as cl
from colliculus.evaluation.energy.measure import energy
from colliculus.evaluation.energy.record import Energy
from colliculus.types import ColliculusError

SMALL = {
    "data": {"num_train": 16, "num_validation": 6, "num_test": 8, "num_classes": 2, "size": 16},
    "method.dim": 8,
    "method.time_steps": 3,
    "train.epochs": 1,
    "train.device": "cpu",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training by name, with more settings."""

    def fit(name, method="late-fusion", **more):
        experiment = cl.preset(f"{method}-synthetic", **SMALL | more)
        return cl.fit(experiment, out=tmp_path_factory.mktemp("runs") / name, progress=False)

    return fit


@pytest.fixture(scope="module")
def spiking(trained):
    return trained("spiking")


def test_accuracies_of_trained_counterparts_stand_in_the_table(trained, spiking):
    relu = trained("relu", **{"method.neuron.kind": "relu"})
    quantised = trained("quantised", **{"method.neuron.kind": "relu", "method.neuron.bits": 2})
    found = energy(spiking, samples=2, counterparts=(relu.folder, quantised))
    assert found.quantised_bits == 2  # ceil(log2(3 + 1))
    expected = {"spiking": spiking, "artificial": relu, "quantised": quantised}
    assert {n: (a.accuracy, a.interval, a.total) for n, a in found.accuracy.items()} == {
        n: (run.result.test.accuracy, run.result.test.interval, 8) for n, run in expected.items()
    }
    assert {n: a.run for n, a in found.accuracy.items()} == {n: str(run.folder) for n, run in expected.items()}
    assert Energy.read(spiking.folder / Energy.FILE) == found
    rows = {row[0]: row[-1] for row in found._network_table().rows}
    assert rows["artificial, one step"].startswith(f"{100 * relu.result.test.accuracy:.1f} (")
    assert rows["2 bits, one step"] == str(found.accuracy["quantised"])
    assert (rows["spiking"], rows["artificial, every step"]) == (str(found.accuracy["spiking"]), "not trained")


def test_without_a_training_a_counterpart_has_no_accuracy(spiking):
    found = energy(spiking, samples=2)
    assert list(found.accuracy) == ["spiking"]
    rows = {row[0]: row[-1] for row in found._network_table().rows}
    assert rows["artificial, one step"] == "not trained"
    assert "Its accuracy is that of a run with ReLU" in str(found.table())
    former = json.loads(json.dumps(found.to_dict()))
    del former["accuracy"]
    assert Energy.from_dict(former).accuracy == {}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, r"other is not an ANN: train the counterpart with --method\.neuron\.kind relu"),
        ({"method": "weighted-attention", "method.neuron.kind": "relu"}, "differs from .* in its method"),
        ({"method.neuron.kind": "relu", "data.seed": 1}, "differs from .* in its data"),
        ({"method.neuron.kind": "relu", "train.snr_db": {"audio": 0.0}}, "in its noise of the training"),
        ({"method.neuron.kind": "relu", "train.snr_db": {"audio": 0.0}, "train.snr_of": "raw"}, "in its noise of the"),
        ({"method.neuron.kind": "relu", "method.neuron.bits": 4}, "has 4 bits, and the counterpart that is counted 2"),
    ],
)
def test_what_is_no_counterpart_is_refused(trained, spiking, settings, told):
    with pytest.raises(ColliculusError, match=told):
        energy(spiking, samples=2, counterparts=[trained("other", **settings)])


def test_two_of_one_kind_are_refused(trained, spiking):
    relu = trained("relu", **{"method.neuron.kind": "relu"})
    with pytest.raises(ColliculusError, match="is a second artificial counterpart"):
        energy(spiking, samples=2, counterparts=[relu, relu])
