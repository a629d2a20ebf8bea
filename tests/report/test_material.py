"""Run folders as the page reads them: damaged and foreign records are left out with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from colliculus.report.material import ANALYSES, read_material, short_names
from colliculus.types import ColliculusError

MEASURED = [verb for verb, analysis in ANALYSES.items() if analysis.kind is not None]
ALL = {verb: {} for verb in MEASURED}


def test_names_are_as_short_as_they_can_be():
    assert short_names([Path("runs/s-cmrl/0"), Path("runs/s-cmrl/1")]) == ["0", "1"]
    assert short_names([Path("a/x/0"), Path("a/y/0"), Path("a/y/1")]) == ["x/0", "y/0", "y/1"]


@pytest.mark.parametrize("record", ["{}", "{", "[]", '{"split": "test", "snr_db": {}, "fingerprint": "0"}'])
@pytest.mark.parametrize("verb", MEASURED)
def test_a_record_that_cannot_be_read_is_left_out(made, verb, record):
    folder = made("run", measured=ALL)
    assert read_material(folder, "run").records.keys() == ALL.keys()
    (folder / ANALYSES[verb].kind.FILE).write_text(record)
    found = read_material(folder, "run")
    assert found.records.keys() == ALL.keys() - {verb}
    assert found.reason(verb) == (
        f"{ANALYSES[verb].subject} is left out: {ANALYSES[verb].kind.FILE} is damaged or was written by another "
        f"version. {ANALYSES[verb].again}"
    )
    assert found.command(verb) == f"colliculus {verb} {folder}"


@pytest.mark.parametrize("record", ["{}", "{", '{"end": {"layers": 3}}'])
def test_spike_health_that_cannot_be_read_is_left_out(made, record):
    folder = made("run")
    (folder / "spike_health.json").write_text(record)
    assert "Spike health is left out: spike_health.json is damaged" in read_material(folder, "run").reason("inspect")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("model", "0", "another model"),
        ("fingerprint", "fedcba9876543210", "other data"),
        ("classes", ("a", "c"), "other classes"),
    ],
)
def test_a_record_of_another_subject_is_left_out(made, field, value, why):
    found = read_material(made("run", measured={"energy": {field: value}}), "run")
    expected = f"The energy of a decision is left out: it was measured on {why}. To measure it again, run:"
    assert found.reason("energy") == expected
    assert not found.records


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
def test_a_result_that_cannot_be_read_is_an_error_of_one_sentence(made, change):
    folder = made("run")
    path = folder / "result.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ColliculusError, match=r"result.json is damaged or was written by another version .*--resume"):
        read_material(folder, "run")


def test_a_result_may_hold_more_than_the_page_shows(made):
    folder = made("run")
    result = json.loads((folder / "result.json").read_text())
    result["test"]["later"] = 1
    (folder / "result.json").write_text(json.dumps(result | {"later": 1}))
    assert read_material(folder, "run").result.test.total == 8


def test_a_history_without_epochs_is_an_error_of_one_sentence(made):
    folder = made("run")
    (folder / "metrics.csv").write_text("train_loss\n1.0\n")
    with pytest.raises(ColliculusError, match=r"metrics.csv is damaged, a row has no epoch"):
        read_material(folder, "run")
