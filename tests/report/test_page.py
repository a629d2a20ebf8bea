"""What a page says of records, whoever wrote them and whatever they are about."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from colliculus.media.encode import write_png
from colliculus.report.folder import ANALYSES

ALL = {verb: {} for verb in ANALYSES}


def test_every_part_names_its_clips(made, told):
    page = told(made("run", measured=ALL))
    assert page.count("Measured on the test part, clean.") == 4
    assert "is left out" not in page
    assert "The headline is about" not in page


@pytest.mark.parametrize("verb", ANALYSES)
def test_other_clips_than_those_of_the_headline_are_named(made, told, verb):
    page = told(made("run", measured=ALL | {verb: {"split": "train"}}))
    assert page.count("Measured on the train part, clean. The headline is about the test part, clean.") == 1
    assert page.count("Measured on the test part, clean.") == 3


def test_robustness_without_the_noise_of_the_training_is_told_apart(made, told):
    page = told(made("run", snr_db={"audio": 0.0}, measured={"robustness": {"snr_db": {}}, "energy": {}}))
    noise = "noise of 0 dB on audio"
    assert f"Measured on the test part, clean. The headline is about the test part, {noise}." in page
    assert f"Measured on the test part, {noise}." in page


@pytest.mark.parametrize("record", ["{}", "{", "[]", '{"split": "test", "snr_db": {}, "fingerprint": "0"}'])
@pytest.mark.parametrize("verb", ANALYSES)
def test_a_record_that_cannot_be_read_is_left_out(made, told, verb, record):
    folder = made("run", measured=ALL)
    known = json.loads((folder / ANALYSES[verb]).read_text())["fingerprint"]
    (folder / ANALYSES[verb]).write_text(record.replace('"0"', f'"{known}"'))
    page = told(folder, made("other", measured=ALL, seed=1))
    assert f"is left out: {ANALYSES[verb]} is damaged, or was written by another version." in page
    assert f"This makes it: colliculus {verb} {folder}" in page
    assert page.count("is left out") == 1


@pytest.mark.parametrize("record", ["{}", "{", '{"end": {"layers": 3}}'])
def test_spike_health_that_cannot_be_read_is_left_out(made, told, record):
    folder = made("run")
    (folder / "spike_health.json").write_text(record)
    assert "Spike health in training is left out: spike_health.json is damaged" in told(folder)


def without_a_class(result):
    del result["test"]["per_class"][1]
    return result


@pytest.mark.parametrize(
    "change",
    [
        lambda result: {"validation": {}, "test": {}},
        lambda result: {name: value for name, value in result.items() if name != "device"},
        lambda result: result | {"test": [1]},
        lambda result: result | {"parameters": "many"},
        lambda result: {},
        without_a_class,
    ],
)
def test_a_result_that_cannot_be_read_is_told_in_a_sentence(made, told, change):
    folder = made("run")
    path = folder / "result.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    said = told(folder, code=2)
    assert f"{path} is damaged, or another version wrote it" in said
    assert "--resume" in said


def test_a_result_may_hold_more_than_a_page_tells(made, told):
    folder = made("run")
    result = json.loads((folder / "result.json").read_text())
    result["test"]["later"] = 1
    (folder / "result.json").write_text(json.dumps(result | {"later": 1}))
    assert "of 8 test clips recognised" in told(folder)


def test_a_history_without_epochs_is_told_in_a_sentence(made, told):
    folder = made("run")
    (folder / "metrics.csv").write_text("train_loss\n1.0\n")
    assert "metrics.csv is damaged, a row names no epoch" in told(folder, code=2)


def test_an_imported_run_is_told_as_one(made, told):
    page = told(folder := made("run", imported=True, measured=ALL))
    assert "This run was imported, not trained here" in page
    assert f"colliculus evaluate {folder}" in page
    assert page.count("Measured on the test part of the data 0123456789abcdef, clean.") == 4
    for wrong in ("--resume", "other data", "is left out", "training ends at the same numbers", "train.epochs"):
        assert wrong not in page
    assert "epochs" not in re.sub("Curves.*", "", page)


def test_other_data_than_those_of_the_training_stay_out(made, told):
    page = told(made("run", measured={"energy": {"fingerprint": "fedcba9876543210"}}))
    assert "The energy of a decision was measured on other data and is left out." in page


def test_a_picture_is_taken_from_its_folder_alone(made, told, tmp_path):
    write_png(tmp_path / "elsewhere.png", np.zeros((4, 4), dtype=np.uint8))
    folder = made("run", measured={"explain": {}})
    record = json.loads((folder / ANALYSES["explain"]).read_text())
    names = {"up": "../../elsewhere.png", "root": str(tmp_path / "elsewhere.png"), "mine": "own.png"}
    write_png((folder / ANALYSES["explain"]).with_name("own.png"), np.zeros((4, 4), dtype=np.uint8))
    record["clips"][0]["pictures"] = [
        {"modality": "visual", "title": title, "file": name} for title, name in names.items()
    ]
    (folder / ANALYSES["explain"]).write_text(json.dumps(record))
    page = told(folder)
    assert "visual: mine" in page
    assert "visual: up" not in page
    assert "visual: root" not in page
