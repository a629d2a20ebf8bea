from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from colliculus.data.augment import Augment
from colliculus.evaluation.trained_run import stored_part
from colliculus.runs.run import read_run

CPU = ("--device", "cpu")


def test_the_test_figures_are_those_of_the_training(answer_json, run):
    found = answer_json("evaluate", run, *CPU)
    trained = json.loads(Path(run, "result.json").read_text())
    assert {name: found[name] for name in trained["test"]} == trained["test"]
    assert (found["split"], found["missing"], found["snr_db"]) == ("test", [], {})
    assert found["fingerprint"] == found["trained_on"] == trained["fingerprint"]


def test_the_tables_show_what_was_done(answer, run):
    out, err = answer("evaluate", run, *CPU, "--snr-db", "audio", "-10", "--missing", "visual", "--split", "validation")
    assert "noise -10 dB on audio" in out
    assert "missing visual" in out
    assert "validation split" in out
    assert "of 4)" in out
    assert err == ""


def test_noise_is_repeatable_and_has_a_seed(answer, answer_json, run):
    asked = ("evaluate", run, *CPU, "--snr-db", "audio", "0", "visual", "-10")
    first = answer_json(*asked, "--noise-seed", "3")
    assert first == answer_json(*asked, "--noise-seed", "3")
    assert (first["snr_db"], first["noise_seed"]) == ({"audio": 0.0, "visual": -10.0}, 3)
    assert answer_json(*asked, "--snr-of", "raw", "--split", "validation")["snr_of"] == "raw"
    assert "no effect without `snr_db`" in answer("evaluate", run, *CPU, "--snr-of", "raw", code=2)[1]


def test_other_data_are_evaluated_and_remarked_on(answer, run):
    out, err = answer("evaluate", run, *CPU, "--data.seed", "7", "--data.num-test", "10", "--json")
    found = json.loads(out)
    assert found["total"] == 10
    assert found["fingerprint"] != found["trained_on"]
    assert "not the data of the training" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data.num-classes", "4"], "classes"),
        (["--data.tactile"], "modalities"),
        (["--missing", "visul"], "did you mean 'visual'?"),
        (["--missing", "visual", "audio"], "at least one"),
        (["--snr-db", "adio", "0"], "did you mean 'audio'?"),
        (["--split", "tset"], "'test'"),
        (["--data.num-tset", "4"], "--data.num-test"),
        (["--device", "gpu"], "cuda"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_a_sentence(answer, run, arguments, sentence):
    assert sentence in answer("evaluate", run, *arguments, code=2)[1]


def test_predictions_of_the_test_part_are_kept(answer_json, run, tmp_path):
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    trained = (folder / "predictions.csv").read_text()
    (folder / "predictions.csv").unlink()
    found = answer_json("evaluate", str(folder), *CPU)
    assert (folder / "predictions.csv").read_text() == trained
    assert sum(line.split(",")[1] == line.split(",")[2] for line in trained.splitlines()) == found["correct"]
    answer_json("evaluate", str(folder), *CPU, "--split", "train")
    answer_json("evaluate", str(folder), *CPU, "--data.seed", "7")
    answer_json("evaluate", str(folder), *CPU, "--snr-db", "audio", "0", "--noise-seed", "3")
    assert {path.name for path in folder.glob("*.csv")} == {"predictions.csv", "metrics.csv"}
    assert (folder / "predictions.csv").read_text() == trained
    answer_json("evaluate", str(folder), *CPU, "--snr-db", "audio", "-20")
    assert (folder / "predictions_noise_of_-20_dB_on_audio.csv").exists()
    assert (folder / "predictions.csv").read_text() == trained


def test_a_folder_without_a_run(answer, tmp_path):
    assert "not a run folder" in answer("evaluate", str(tmp_path), code=2)[1]


def test_the_run_comes_first(answer, run):
    assert "colliculus evaluate RUN" in answer("evaluate", "--json", run, code=2)[1]


def test_a_run_that_was_trained_with_noise_is_tested_with_it(answer, tmp_path, tiny_data):
    run, data = tmp_path / "run", tiny_data("synthetic")
    small = ["--method.dim", "16", "--train.epochs", "1", "--train.device", "cpu", *data.overrides]
    noise = ["--train.snr-db", "audio", "0", "visual", "-10"]
    answer("train", "late-fusion-synthetic", "--out", str(run), *small, *noise)
    found = json.loads(answer("evaluate", str(run), "--json")[0])
    assert found["snr_db"] == {"audio": 0, "visual": -10}
    assert found["confusion"] == json.loads((run / "result.json").read_text())["test"]["confusion"]
    assert json.loads(answer("evaluate", str(run), "--json", "--clean")[0])["snr_db"] == {}
    assert "contradict" in answer("evaluate", str(run), "--clean", "--snr-db", "audio", "3", code=2)[1]


def test_noise_on_a_modality_that_is_not_there_is_told_before_training(answer, tmp_path, tiny_data):
    arguments = ["--out", str(tmp_path / "run"), "--train.snr-db", "touch", "0", *tiny_data("synthetic").overrides]
    assert "touch" in answer("train", "late-fusion-synthetic", *arguments, code=2)[1]
    assert not (tmp_path / "run" / "run.yaml").exists()


def test_the_training_part_is_measured_as_it_is_stored(answer, answer_json, tmp_path, tiny_data):
    data = tiny_data("folder")
    small = ["--method.dim", "16", "--train.epochs", "1", "--train.device", "cpu", *data.overrides]
    varied = ["--data.augment.mixup.probability", "0.5", "--data.augment.pictures.erase.probability", "1"]
    answer("train", "late-fusion-folder", "--out", str(tmp_path / "varied"), *small, *varied)
    plain = ["--data.augment.mixup.probability", "0", "--data.augment.pictures.erase.probability", "0"]
    asked = ("evaluate", str(tmp_path / "varied"), *CPU, "--split", "train")
    assert answer_json(*asked) == answer_json(*asked, *plain)
    for verb in (("contribution",), ("explain", "--clips", "1", "--points", "4"), ("energy", "--samples", "4")):
        answer(verb[0], str(tmp_path / "varied"), *CPU, "--split", "train", *verb[1:])
    trained = read_run(tmp_path / "varied")
    dataset = trained.experiment.data.load(trained.normalisation)
    stored = replace(trained.experiment.data, augment=Augment()).load(trained.normalisation).train
    rows = np.arange(len(stored))
    varied, measured, expected = (
        x.batch(rows, epoch=0) for x in (dataset.train, stored_part(dataset, "train"), stored)
    )
    assert not torch.equal(varied.inputs["visual"], expected.inputs["visual"])
    assert torch.equal(measured.labels, expected.labels)
    assert all(torch.equal(measured.inputs[m], x) for m, x in expected.inputs.items())
