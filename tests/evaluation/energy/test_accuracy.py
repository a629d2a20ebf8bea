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
RELU = {"method.neuron.kind": "relu"}
STILL = {"data": {**SMALL["data"], "motion": "static"}}


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


def by_network(found):
    """The last cell of each row: the test accuracy."""
    return {row[0]: row[-1] for row in found._network_table().rows}


def test_accuracies_of_trained_counterparts_stand_in_the_rows_of_their_steps(trained, spiking):
    relu = trained("relu", **RELU)
    one_step = trained("one", **{**RELU, "method.time_steps": 1, "train.seed": 1})
    quantised = trained("quantised", **{**RELU, "method.neuron.bits": 2})
    found = energy(spiking, samples=2, counterparts=(relu.folder, quantised, one_step))
    assert found.quantised_bits == 2  # ceil(log2(3 + 1))
    expected = {
        "spiking": spiking,
        "artificial_every_step": relu,
        "quantised_every_step": quantised,
        "artificial": one_step,
    }
    assert {n: (a.accuracy, a.interval, a.total) for n, a in found.accuracy.items()} == {
        n: (run.result.test.accuracy, run.result.test.interval, 8) for n, run in expected.items()
    }
    assert {n: a.run for n, a in found.accuracy.items()} == {n: str(run.folder) for n, run in expected.items()}
    assert Energy.read(spiking.folder / Energy.FILE) == found
    rows = by_network(found)
    assert rows["artificial, every step"] == str(found.accuracy["artificial_every_step"])
    assert rows["artificial, every step"].startswith(f"{100 * relu.result.test.accuracy:.1f} (")
    assert rows["artificial, one step"] == str(found.accuracy["artificial"])
    assert rows["2 bits, every step"] == str(found.accuracy["quantised_every_step"])
    assert (rows["spiking"], rows["2 bits, one step"]) == (str(found.accuracy["spiking"]), "not trained")
    assert found.counterpart() == (found.totals.counterparts["artificial"], rows["artificial, one step"])


def test_of_static_data_any_number_of_steps_is_one(trained):
    run = trained("still", **STILL)
    relu = trained("relu", **STILL, **RELU)
    found = energy(run, samples=2, counterparts=[relu])
    assert found.accuracy["artificial"].run == str(relu.folder)
    assert found.counterpart()[1] == by_network(found)["artificial, one step"]
    assert by_network(found)["artificial, one step"].endswith("), T = 3")


def test_where_only_the_counterpart_of_every_step_was_trained_its_figures_are_taken(trained, spiking):
    found = energy(spiking, samples=2, counterparts=[trained("relu", **RELU)])
    every = found.totals.counterparts["artificial_every_step"]
    assert found.counterpart() == (every, str(found.accuracy["artificial_every_step"]))
    assert by_network(found)["artificial, one step"] == "not trained"


def test_a_network_of_relus_is_the_artificial_one_of_its_steps(trained):
    found = energy(trained("relu", **RELU), samples=2)
    assert found.accuracy["spiking"] == found.accuracy["artificial_every_step"]
    assert "artificial" not in found.accuracy


def test_settings_of_spikes_and_of_the_machine_may_differ(trained):
    of_spikes = {"method.neuron.tau": 3.0, "method.attention_threshold": 0.7, "method.rate_target": 500.0}
    run = trained("spikes", "spikformer", **of_spikes, **{"method.heads": 4})
    counterpart = {**RELU, "method.heads": 4, "train.seed": 3, "train.recompute": True}
    relu = trained("relu", "spikformer", **counterpart)
    assert energy(run, samples=2, counterparts=[relu]).accuracy["artificial_every_step"].run == str(relu.folder)


def test_a_counterpart_at_one_step_has_one_step_of_every_modality(trained):
    run = trained("own steps", "taaf", **{"method.modality_steps": {"audio": 2}})
    one_step = trained("one", "taaf", **RELU, **{"method.time_steps": 1})
    assert "artificial" in energy(run, samples=2, counterparts=[one_step]).accuracy
    with pytest.raises(ColliculusError, match=r"in method\.modality_steps\.audio \(None, not 2\)"):
        energy(run, samples=2, counterparts=[trained("every", "taaf", **RELU)])


def test_at_one_step_the_settings_of_the_run_are_those_of_every_step_and_one_of_each_modality_those_of_one(trained):
    own = {"method.time_steps": 1, "method.modality_steps": {"audio": 3}}
    run = trained("own steps", "taaf", **own)
    same, plain = trained("same", "taaf", **RELU, **own), trained("plain", "taaf", **RELU, **{"method.time_steps": 1})
    found = energy(run, samples=2, counterparts=[same, plain])
    expected = {"spiking": run, "artificial_every_step": same, "artificial": plain}
    assert {name: one.run for name, one in found.accuracy.items()} == {n: str(r.folder) for n, r in expected.items()}
    assert energy(same, samples=2).accuracy.keys() == {"spiking", "artificial_every_step"}


def test_of_a_run_with_one_step_a_counterpart_is_that_of_one_and_of_every_step(trained):
    one = {"method.time_steps": 1}
    run = trained("one step", **one)
    found = energy(run, samples=2, counterparts=[trained("relu", **RELU, **one)])
    assert found.accuracy.keys() == {"spiking", "artificial", "artificial_every_step"}
    with pytest.raises(ColliculusError, match=r"has T = 2, and the .* counted 1: train it with --method.time-steps 1$"):
        energy(run, samples=2, counterparts=[trained("two", **RELU, **{"method.time_steps": 2})])


def test_of_static_data_other_numbers_of_steps_are_refused(trained):
    run, other = trained("still", **STILL), trained("two", **STILL, **RELU, **{"method.time_steps": 2})
    with pytest.raises(ColliculusError, match="has T = 2, and the counterparts that are counted 1 and 3"):
        energy(run, samples=2, counterparts=[other])


def test_a_network_of_relus_has_no_quantised_counterpart(trained):
    relu, quantised = trained("relu", **RELU), trained("quantised", **RELU, **{"method.neuron.bits": 2})
    with pytest.raises(ColliculusError, match=r"quantised is quantised, and .*relu has no spikes"):
        energy(relu, samples=2, counterparts=[quantised])
    found = energy(quantised, samples=2, counterparts=[relu]).accuracy
    assert (found["spiking"].run, found["artificial_every_step"].run) == (str(quantised.folder), str(relu.folder))


def test_without_a_training_a_counterpart_has_no_accuracy(spiking):
    found = energy(spiking, samples=2)
    assert list(found.accuracy) == ["spiking"]
    assert by_network(found)["artificial, one step"] == found.counterpart()[1] == "not trained"
    assert "Its accuracy is that of a run with ReLU" in str(found.table())
    former = json.loads(json.dumps(found.to_dict()))
    del former["accuracy"]
    assert Energy.from_dict(former).accuracy == {}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, r"other is not an ANN: train the counterpart with --method\.neuron\.kind relu"),
        ({"method": "weighted-attention", **RELU}, r"in method\.name \(weighted-attention, not late-fusion\)"),
        ({**RELU, "method.dim": 16}, r"in method\.dim \(16, not 8\): train the counterpart as the run itself"),
        ({**RELU, "method.encoder": "shallow"}, r"in method\.encoder \(shallow, not deep\)"),
        ({**RELU, "method.fusion": "concat"}, r"in method\.fusion \(concat, not sum\)"),
        ({**RELU, "train.epochs": 2}, r"in train\.epochs \(2, not 1\)"),
        ({**RELU, "data.seed": 1}, r"in data\.seed \(1, not 0\)"),
        ({**RELU, "data.augment.noise.probability": 0.4}, r"in data\.augment\.noise\.probability \(0\.4, not 0\.0\)"),
        ({**RELU, "train.snr_db": {"audio": 0.0}}, r"in train\.snr_db\.audio \(0\.0, not None\)"),
        ({**RELU, "train.snr_db": {"audio": 0.0}, "train.snr_of": "raw"}, r"in train\.snr_(db|of)"),
        ({**RELU, "method.time_steps": 2}, "has T = 2, and the counterparts that are counted 1 and 3"),
        ({**RELU, "method.neuron.bits": 4}, "has 4 bits, and the counterpart that is counted 2"),
    ],
)
def test_what_is_no_counterpart_is_refused(trained, spiking, settings, told):
    with pytest.raises(ColliculusError, match=told):
        energy(spiking, samples=2, counterparts=[trained("other", **settings)])


def test_other_data_of_the_same_settings_are_refused(trained, spiking):
    relu = trained("relu", **RELU)
    written = relu.folder / "run.yaml"
    written.write_text(written.read_text().replace(relu.run.fingerprint, "f" * 16))
    with pytest.raises(ColliculusError, match=rf"fingerprint of the data \({'f' * 16}, not {relu.run.fingerprint}\)"):
        energy(spiking, samples=2, counterparts=[relu.folder])


def test_two_of_one_kind_are_refused(trained, spiking):
    relu = trained("relu", **RELU)
    with pytest.raises(ColliculusError, match="is a second artificial every step counterpart"):
        energy(spiking, samples=2, counterparts=[relu, relu])
