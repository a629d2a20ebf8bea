from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml

from colliculus.evaluation.energy import count

CPU = ("--device", "cpu")


@pytest.fixture
def copy(run, tmp_path):
    """A run of its own for each test."""
    return str(shutil.copytree(run, tmp_path / "run"))


def test_it_is_written_beside_the_run(answer_json, copy):
    printed = answer_json("energy", copy, *CPU)
    written = json.loads(Path(copy, "energy", "energy.json").read_text())
    assert {"run": copy} | written == printed
    assert written["fingerprint"] == json.loads(Path(copy, "result.json").read_text())["fingerprint"]
    assert (written["modalities"], written["samples"], written["split"]) == (["audio", "visual"], 6, "test")
    with Path(copy, "energy", "layers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == [row["layer"] for row in written["layers"]]
    deciding = [row for row in rows if row["decides"] == "True"]
    assert sum(float(row["mac"]) for row in deciding) == pytest.approx(written["operations"]["mac"])
    assert sum(float(row["total_nj"]) for row in deciding) == pytest.approx(
        written["tables"]["45nm-fp32"]["spiking"]["total_nj"]
    )


def test_synthetic_clips_are_sequences_whose_first_layer_does_not_repeat(answer_json, copy):
    found = answer_json("energy", copy, *CPU)
    assert found["operations"]["mac"] == found["operations"]["mac_first_layer_once"]
    assert {"artificial_every_step", "quantised_every_step"} < set(found["tables"]["45nm-fp32"]["twins"])
    first = next(row for row in found["layers"] if row["layer"] == "encoders.audio.stages.0.conv")
    # One channel of 16 x 16 to two (D / 8), T = 2; windows of three overlap the edges.
    assert first["dense"] == 2 * 2 * (3 * 14 + 2 * 2) ** 2
    assert first["twin_mac"] == first["dense"] / 2


def test_a_still_input_may_run_its_first_layer_once(answer, answer_json, tmp_path):
    run, small = str(tmp_path / "run"), ["--method.dim", "16", "--method.time-steps", "2", "--train.epochs", "1"]
    data = ["--data.motion", "static", "--data.size", "16", "--data.num-classes", "2", "--data.num-train", "8"]
    sizes = ["--data.num-validation", "4", "--data.num-test", "4", "--train.device", "cpu"]
    answer("train", "late-fusion-synthetic", "--out", run, *small, *data, *sizes)
    found = answer_json("energy", run, *CPU, "--samples", "3")
    operations = found["operations"]
    first = [row for row in found["layers"] if row["layer"].endswith("stages.0.conv")]
    assert [row["repeats"] for row in first] == [2, 2]
    saved = sum(row["mac"] for row in first) / 2
    assert operations["mac_first_layer_once"] == pytest.approx(operations["mac"] - saved)
    assert found["samples"] == 3
    assert set(found["tables"]["45nm-fp32"]["twins"]) == {"artificial", "quantised"}
    assert "run once" in answer("energy", run, *CPU)[0]


def test_it_prints_tables(answer, copy):
    out, _ = answer("energy", copy, *CPU)
    for part in ("encoders: audio stages.0", "fusion: audio_from_visual", "spatial q k^T", "usual count", "45nm-int8"):
        assert part in out
    assert "does not need head.linear (repeated to explain)" in out


@pytest.fixture
def batches(run, tmp_path, monkeypatch):
    """A run with two clips a batch, and how many batches were counted; `stop_at` interrupts."""
    copy = shutil.copytree(run, tmp_path / "run")
    document = yaml.safe_load((copy / "run.yaml").read_text())
    document["experiment"]["train"]["batch_size"] = 2
    (copy / "run.yaml").write_text(yaml.safe_dump(document))
    counted = count.count

    class Batches:
        run, number, stop_at = str(copy), 0, -1

    def one(model, inputs):
        if Batches.number == Batches.stop_at:
            raise KeyboardInterrupt
        Batches.number += 1
        return counted(model, inputs)

    monkeypatch.setattr(count, "count", one)
    return Batches


def test_an_interruption_costs_no_more_than_a_batch(answer, answer_json, batches):
    record = Path(batches.run, "energy", "energy.json")
    batches.stop_at = 2
    answer("energy", batches.run, *CPU, code=130)
    assert not record.exists()
    batches.stop_at = -1
    resumed = answer_json("energy", batches.run, *CPU)
    assert batches.number == 3 + 1  # each batch once, and the twin
    shutil.rmtree(record.parent)
    assert answer_json("energy", batches.run, *CPU) == resumed


def test_what_was_counted_serves_other_costs_and_no_other_clips(answer_json, batches):
    asked = ("energy", batches.run, *CPU)
    first = answer_json(*asked)
    batches.number = 0
    assert answer_json(*asked, "--table", "45nm-int8")["operations"] == first["operations"]
    assert batches.number == 1
    for other in (["--samples", "5"], ["--split", "train"], ["--data.seed", "5"]):
        batches.number = 0
        assert answer_json(*asked, *other)["layers"] != first["layers"]
        assert batches.number > 3
    assert answer_json(*asked) == first


def test_costs_may_be_the_users_own(answer_json, copy):
    found = answer_json("energy", copy, *CPU, "--mac-pj", "9.2", "--ac-pj", "1.8")
    ours, own = found["tables"]["45nm-fp32"], found["tables"]["own"]
    assert found["table"] == "own"
    assert own["spiking"]["compute_nj"] == pytest.approx(2 * ours["spiking"]["compute_nj"])
    assert own["spiking"]["memory_nj"] == pytest.approx(ours["spiking"]["memory_nj"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--samples", "0"], "at least 1"),
        (["--table", "fp32"], "did you mean '45nm-fp32'?"),
        (["--ac-pj", "7"], "the MAC at least as dear"),
        (["--data.num-classes", "3"], "classes"),
        (["--data.tactile"], "modalities"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_a_sentence(answer, copy, arguments, sentence):
    assert sentence in answer("energy", copy, *CPU, *arguments, code=2)[1]
    assert not Path(copy, "energy").exists()
