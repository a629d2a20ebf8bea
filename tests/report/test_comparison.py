"""The table above several runs: only of what was measured alike."""

from __future__ import annotations

import re

import pytest

from colliculus.report.folder import ANALYSES

ENERGY, AREA = "energy of a clip at 45nm-fp32, uJ", "area under white noise, %"
CURVE = {"kind": "white", "unit": "dB", "accuracy": [0.5], "lowest": [0.5], "highest": [0.5], "area": 0.5}


def last_cells(page):
    """Of each row of the table of runs, what stands behind the speed."""
    return re.findall(r"s-cmrl-synthetic \d 75\.0 \S+ to \S+ \S+ 1,000 10 (\S+)", page)


def two(made, verb, changes):
    return made("one", measured={verb: {}}), made("two", seed=1, measured={verb: changes})


def test_energies_are_those_of_one_table_whichever_each_was_reckoned_with(made, told):
    page = told(*two(made, "energy", {"table": "45nm-int8"}))
    assert ENERGY in page
    assert last_cells(page) == ["4.6", "4.6"]


def test_areas_stand_side_by_side_where_they_were_measured_alike(made, told):
    page = told(*two(made, "robustness", {}))
    assert AREA in page
    assert last_cells(page) == ["43.8", "43.8"]
    assert "does not stand side by side" not in page


@pytest.mark.parametrize(
    ("verb", "changes", "why"),
    [
        ("energy", {"split": "train"}, "part of the data"),
        ("energy", {"snr_db": {"audio": 0.0}}, "noise"),
        ("energy", {"samples": 2}, "number of clips"),
        ("robustness", {"split": "train"}, "part of the data"),
        ("robustness", {"snr_db": {"audio": 0.0}}, "noise of the training"),
        ("robustness", {"settings": {"seeds": 1}}, "number of seeds"),
        ("robustness", {"curves": [CURVE | {"target": "audio", "levels": [0.0], "retained": None}]}, "levels"),
        (
            "robustness",
            {"curves": [CURVE | {"target": "visual", "levels": [-10.0, 0.0, 10.0], "retained": None}]},
            "modalities that get noise",
        ),
    ],
    ids=str,
)
def test_what_was_measured_otherwise_gets_no_column_and_it_is_said_why(made, told, verb, changes, why):
    changes = {
        name: [one | dict.fromkeys(("accuracy", "lowest", "highest"), [0.5] * len(one["levels"])) for one in value]
        if name == "curves"
        else value
        for name, value in changes.items()
    }
    page = told(*two(made, verb, changes))
    assert {"energy": ENERGY, "robustness": AREA}[verb] not in page
    assert f"was not measured alike: they differ in the {why}. `colliculus {verb}`" in page


def test_a_part_that_is_not_the_test_part_stands_in_the_heading(made, told):
    train = {"energy": {"split": "train"}}
    assert "45nm-fp32 (train part), uJ" in told(made("one", measured=train), made("two", seed=1, measured=train))


def test_runs_tested_under_other_noise_are_refused_as_compare_refuses_them(made, told):
    said = told(made("one"), made("two", seed=1, snr_db={"audio": 0.0}), code=2)
    assert "their noise at test differ: 0 dB on audio and none; leave one of them out" in said


def test_the_noise_of_the_test_stands_above_the_table(made, told):
    noise = {"snr_db": {"audio": 0.0}}
    page = told(made("one", **noise), made("two", seed=1, **noise))
    assert "Runs, on the same test clips, noise of 0 dB on audio" in page


def test_an_imported_run_stands_beside_a_trained_one(made, told):
    runs = [made("theirs", imported=True, measured={"energy": {}}), made("ours", measured={"energy": {}})]
    page = told(*runs)
    assert "theirs imported - imported - - - - 4.6" in page
    assert last_cells(page) == ["4.6"]
    elsewhere = made("elsewhere", imported=True, measured={"energy": {"fingerprint": "fedcba9876543210"}})
    assert "they differ in the data" in told(elsewhere, runs[1])


def test_a_record_that_cannot_be_read_leaves_its_cell_empty(made, told):
    runs = two(made, "energy", {})
    (runs[1] / ANALYSES["energy"]).write_text("{}")
    page = told(*runs)
    assert last_cells(page) == ["4.6", "-"]
