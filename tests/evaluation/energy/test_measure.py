from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import pytest
import yaml

from colliculus.cli import main
from colliculus.evaluation.energy import count
from colliculus.evaluation.energy.cost import named_table
from colliculus.evaluation.energy.measure import energy
from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.trained_run import open_run
from colliculus.types import ColliculusError


def test_it_is_written_into_the_run_and_read_back(folder):
    found = energy(folder)
    written = folder / "energy" / "energy.json"
    assert Energy.read(written) == found
    assert json.loads(written.read_text()) == found.to_dict()
    assert found.fingerprint == json.loads((folder / "result.json").read_text())["fingerprint"]
    assert (found.modalities, found.samples, found.split) == (("audio", "visual"), 6, "test")
    with (folder / "energy" / "layers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == [row.layer for row in found.layers]
    deciding = [row for row in rows if row["decides"] == "True"]
    assert sum(float(row["mac"]) for row in deciding) == pytest.approx(found.operations.mac)
    assert found.operations.ac > 0
    assert sum(float(row["total_nj"]) for row in deciding) == pytest.approx(found.totals.spiking.total_nj)


def test_a_record_of_version_01_is_read(folder):
    found = energy(folder)
    former = json.dumps(found.to_dict())
    renamed = {"cost_table": "table", "counterparts": "twins", "counterpart_mac": "twin_mac"}
    renamed |= {"mac_once": "mac_first_layer_once", "spiking_once": "spiking_first_layer_once"}
    for now, before in renamed.items():
        assert f'"{now}"' in former
        former = former.replace(f'"{now}"', f'"{before}"')
    assert Energy.from_dict(json.loads(former)) == found


def test_synthetic_clips_are_sequences_whose_first_layer_does_not_repeat(folder):
    found = energy(folder)
    assert found.operations.mac == found.operations.mac_once
    assert {"artificial_every_step", "quantised_every_step"} < found.totals.counterparts.keys()
    first = next(row for row in found.layers if row.layer == "encoders.audio.stages.0.conv")
    # One channel of 16 x 16 to two (D / 8), T = 2; windows of three overlap the edges.
    assert first.dense == 2 * 2 * (3 * 14 + 2 * 2) ** 2
    assert first.counterpart_mac == first.dense / 2


def test_a_static_input_may_run_its_first_layer_once(tmp_path):
    small = ["--method.dim", "16", "--method.time-steps", "2", "--train.epochs", "1", "--train.device", "cpu"]
    data = ["--data.motion", "static", "--data.size", "16", "--data.num-classes", "2", "--data.num-train", "8"]
    sizes = ["--data.num-validation", "4", "--data.num-test", "4"]
    assert main(["train", "late-fusion-synthetic", "--out", str(tmp_path / "run"), *small, *data, *sizes]) == 0
    found = energy(tmp_path / "run", samples=3)
    first = [row for row in found.layers if row.layer.endswith("stages.0.conv")]
    assert [row.repeats for row in first] == [2, 2]
    saved = sum(row.mac for row in first) / 2
    assert saved > 0
    assert found.operations.mac_once == pytest.approx(found.operations.mac - saved)
    assert found.samples == 3
    assert found.totals.counterparts.keys() == {"artificial", "quantised"}
    assert "runs once" in str(found.table())
    assert "static input once" in str(found.table())


def test_the_tables_show_layers_sums_and_every_cost_table(folder):
    text = str(energy(folder).table())
    for part in ("encoders: audio", "fusion: audio_from_visual", "spatial q k^T", "usual count", "45nm-int8"):
        assert part in text
    assert "the decision does not need head.linear (repeated to explain)" in text


def test_the_figure_stacks_the_uses_of_every_network(folder):
    found = energy(folder)
    (axes,) = found.figure().subfigs[0].axes
    ends = [max(patch.get_x() + patch.get_width() for patch in bars) for bars in zip(*axes.containers, strict=True)]
    costs = [found.totals.spiking, *found.totals.counterparts.values()]
    assert ends == pytest.approx([cost.total_nj / 1000 for cost in costs])


@pytest.fixture
def batches(folder, monkeypatch):
    """A run with two clips a batch, and how many batches were counted; `stop_at` interrupts."""
    document = yaml.safe_load((folder / "run.yaml").read_text())
    document["experiment"]["train"]["batch_size"] = 2
    (folder / "run.yaml").write_text(yaml.safe_dump(document))
    counted = count.count

    class Batches:
        run, number, stop_at = folder, 0, -1

    def one(model, inputs):
        if Batches.number == Batches.stop_at:
            raise KeyboardInterrupt
        Batches.number += 1
        return counted(model, inputs)

    monkeypatch.setattr(count, "count", one)
    return Batches


def test_an_interruption_costs_no_more_than_a_batch(batches):
    record = batches.run / "energy" / "energy.json"
    batches.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        energy(batches.run)
    assert not record.exists()
    batches.stop_at = -1
    resumed = energy(batches.run)
    assert batches.number == 3 + 1  # each batch once, and the counterpart
    shutil.rmtree(record.parent)
    assert energy(batches.run) == resumed


def test_kept_counts_serve_other_costs_and_no_other_clips(batches):
    first = energy(batches.run)
    batches.number = 0
    assert energy(batches.run, table="45nm-int8").operations == first.operations
    assert batches.number == 1
    other = replace(open_run(batches.run).experiment.data, seed=5)
    for changed in ({"samples": 5}, {"split": "train"}, {"data": other}):
        batches.number = 0
        assert energy(batches.run, **changed).layers != first.layers
        assert batches.number > 3
    assert energy(batches.run) == first


def test_costs_may_be_the_users_own(folder):
    found = energy(folder, table=named_table("45nm-fp32", mac_pj=9.2, ac_pj=1.8))
    ours, own = found.tables["45nm-fp32"], found.tables["own"]
    assert found.cost_table == "own"
    assert own.spiking.compute_nj == pytest.approx(2 * ours.spiking.compute_nj)
    assert own.spiking.memory_nj == pytest.approx(ours.spiking.memory_nj)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [({"samples": 0}, "samples is 0: give at least 1"), ({"table": "fp32"}, "did you mean '45nm-fp32'?")],
    ids=str,
)
def test_mistakes_are_one_sentence(folder, arguments, sentence):
    with pytest.raises(ColliculusError) as error:
        energy(folder, **arguments)
    assert sentence in str(error.value)
    assert not (folder / "energy").exists()
