from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from colliculus.evaluation import trained_run
from colliculus.runs.run import read_run
from colliculus.runs.weights import load_weights

CPU = ("--device", "cpu")


@pytest.fixture
def copy(run, tmp_path):
    """A run of its own for each test."""
    return str(shutil.copytree(run, tmp_path / "run"))


@pytest.fixture
def measured(monkeypatch):
    """The subsets that were measured, in order, once for each pass over the data."""
    seen = []
    classify = trained_run.classify

    def counted(model, split, *, missing, **settings):
        seen.append("+".join(m for m in model.modalities if m not in missing))
        return classify(model, split, missing=missing, **settings)

    monkeypatch.setattr(trained_run, "classify", counted)
    return seen


def test_accuracies_are_those_of_evaluate(answer_json, copy):
    found = answer_json("contribution", copy, *CPU)
    accuracy = {"+".join(g["modalities"]): g["accuracy"] for g in found["given"]}
    assert accuracy == {
        "audio": answer_json("evaluate", copy, *CPU, "--missing", "visual")["accuracy"],
        "visual": answer_json("evaluate", copy, *CPU, "--missing", "audio")["accuracy"],
        "audio+visual": answer_json("evaluate", copy, *CPU)["accuracy"],
    }
    assert sum(found["shapley_accuracy"].values()) == pytest.approx(accuracy["audio+visual"] - 1 / 2)
    for given in found["given"]:
        assert len(given["step_accuracy"]) == 2
        assert given["step_accuracy"][-1] == given["accuracy"]


def test_it_is_written_beside_the_run(answer_json, copy):
    printed = answer_json("contribution", copy, *CPU)
    written = json.loads(Path(copy, "contribution", "contribution.json").read_text())
    assert {"run": copy} | written == printed
    assert written["fingerprint"] == json.loads(Path(copy, "result.json").read_text())["fingerprint"]
    assert (written["modalities"], len(written["classes"]), written["split"]) == (["audio", "visual"], 2, "test")
    with Path(copy, "contribution", "clips.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(6))
    for row in rows:
        shares = float(row["shapley_audio"]) + float(row["shapley_visual"])
        assert shares == pytest.approx(float(row["probability"]) - 1 / 2, abs=1e-5)
        assert float(row["probability_after_2"]) == pytest.approx(float(row["probability"]), abs=1e-5)


@pytest.mark.parametrize("lost", ["visual", "visual.1"])
def test_a_kill_costs_no_more_than_a_pass(answer, copy, measured, lost):
    answer("contribution", copy, *CPU)
    kept = Path(copy, "contribution", "contribution.json").read_bytes()
    assert measured == ["audio", "audio", "visual", "visual", "audio+visual", "audio+visual"]
    Path(copy, "contribution", "subsets", f"{lost}.json").unlink()
    Path(copy, "contribution", "contribution.json").unlink()
    answer("contribution", copy, *CPU)
    assert measured[6:] == ["visual"]
    assert Path(copy, "contribution", "contribution.json").read_bytes() == kept


def test_other_settings_are_measured_again_with_a_remark(answer, copy, measured):
    assert "again" not in answer("contribution", copy, *CPU)[1]
    assert "differs in split: all is measured again" in answer("contribution", copy, *CPU, "--split", "validation")[1]
    assert len(measured) == 12


def test_the_anytime_curve_is_that_of_the_same_weights_in_networks_of_fewer_steps(answer_json, copy):
    trained = read_run(Path(copy))
    test = trained.experiment.data.load(trained.normalisation).test
    batch = test.batch(np.arange(len(test)), epoch=0)
    small = replace(trained.experiment.method, time_steps=1).model(replace(trained.spec, steps={}))
    load_weights(small, Path(copy, "model.safetensors"))
    with torch.no_grad():
        logits = small.eval()({m: x[:1] for m, x in batch.inputs.items()}).logits
    found = answer_json("contribution", copy, *CPU)["given"][-1]
    assert found["step_accuracy"] == [(logits.argmax(1) == batch.labels).double().mean(), found["accuracy"]]
    with Path(copy, "contribution", "clips.csv").open() as file:
        early = [float(row["probability_after_1"]) for row in csv.DictReader(file)]
    assert early == pytest.approx(logits.softmax(1).gather(1, batch.labels[:, None])[:, 0].tolist(), abs=1e-5)


def test_of_three_modalities_two_together_are_not_followed(answer_json, answer, tiny_flags, tmp_path):
    run = str(tmp_path / "run")
    answer("train", "s-cmrl-synthetic", "--out", run, *tiny_flags, "--data.tactile")
    given = answer_json("contribution", run, *CPU)["given"]
    assert [len(one["step_accuracy"]) for one in given] == [2, 2, 2, 0, 0, 0, 2]
    exchange = json.loads(Path(run, "contribution", "contribution.json").read_text())["exchange"]
    assert len(exchange["interventions"]["modules"]) == 6
    assert (exchange["additivity"]["clips"], exchange["additivity"]["pairings"]) == (6, 216)


def test_it_prints_tables(answer, copy):
    out, _ = answer("contribution", copy, *CPU)
    for part in ("audio + visual", "Shapley values, beyond chance (50.0 %)", "points over the best alone", "Written"):
        assert part in out


def test_it_says_if_the_exchange_matters(answer, copy):
    out, _ = answer("contribution", copy, *CPU)
    found = json.loads(Path(copy, "contribution", "contribution.json").read_text())["exchange"]
    changed = found["interventions"]["zeroed"]["changed"]
    for part in ("Does the exchange matter?", "exchange shuffled", "EMAP", f"The exchange changes {changed} of 6 deci"):
        assert part in out
    assert (found["additivity"]["clips"], found["additivity"]["pairings"]) == (6, 36)
    assert list(found["interventions"]["pulls"]) == ["task", "alignment"]


def test_clips_are_the_ones_that_are_paired(answer, answer_json, copy):
    assert answer_json("contribution", copy, *CPU, "--clips", "4")["exchange"]["additivity"]["pairings"] == 16
    assert answer_json("contribution", copy, *CPU, "--clips", "0")["exchange"]["additivity"] is None
    _, err = answer("contribution", copy, *CPU, "--clips", "1", code=2)
    assert "clips is 1: give at least 2, or 0" in err


def test_data_of_another_kind_are_refused(answer, copy):
    _, err = answer("contribution", copy, *CPU, "--data.num-classes", "3", code=2)
    assert "classes" in err
    assert not Path(copy, "contribution").exists()
