"""The table above several runs: only figures that were measured alike stand in one column."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from colliculus.evaluation.corruption.plan import RobustnessSettings
from colliculus.report.analyses import ANALYSES
from colliculus.types import ColliculusError

ENERGY, AREA = "energy of a clip at 45nm-fp32, uJ", "area under white noise, %"


def curve(**changes):
    """Another curve in place of the record's."""
    return lambda record: {"curves": (replace(record.curves[0], **changes),)}


def last_cells(page):
    """The cell behind the speed, in each row of the table of runs."""
    return re.findall(r"s-cmrl-synthetic \d 75\.0 \S+ to \S+ \S+ 1,000 10 (\S+)", page)


def two(made, verb, changes):
    return made("one", measured={verb: {}}), made("two", seed=1, measured={verb: changes})


def test_energies_are_compared_at_one_cost_table(made, written):
    page = written(*two(made, "energy", {"cost_table": "45nm-int8"}))
    assert ENERGY in page
    assert last_cells(page) == ["4.6", "4.6"]


def test_areas_are_compared_where_they_were_measured_alike(made, written):
    page = written(*two(made, "robustness", {}))
    assert AREA in page
    assert last_cells(page) == ["43.8", "43.8"]
    assert "is not compared" not in page


@pytest.mark.parametrize(
    ("verb", "changes", "why"),
    [
        ("energy", {"split": "train"}, "part of the data"),
        ("energy", {"snr_db": {"audio": 0.0}}, "noise"),
        ("energy", {"samples": 2}, "number of clips"),
        ("robustness", {"split": "train"}, "part of the data"),
        ("robustness", {"snr_db": {"audio": 0.0}}, "noise of the training"),
        ("robustness", {"settings": RobustnessSettings(seeds=1)}, "number of seeds"),
        ("robustness", curve(severities=(-10.0, 0.0, 20.0)), "severities"),
        ("robustness", curve(target="visual"), "modalities that get noise"),
    ],
)
def test_figures_that_were_measured_otherwise_get_a_sentence_and_no_column(made, written, verb, changes, why):
    page = written(*two(made, verb, changes))
    assert {"energy": ENERGY, "robustness": AREA}[verb] not in page
    assert f"is not compared: the runs differ in the {why}. Run `colliculus {verb}`" in page


def test_a_part_that_is_not_the_test_part_is_in_the_heading(made, written):
    train = {"energy": {"split": "train"}}
    assert "45nm-fp32 (train part), uJ" in written(made("one", measured=train), made("two", seed=1, measured=train))


def test_runs_tested_under_other_noise_are_refused(made, written):
    with pytest.raises(ColliculusError, match="noise at test differ: 0 dB on audio and none"):
        written(made("one"), made("two", seed=1, snr_db={"audio": 0.0}))


def test_the_noise_of_the_test_is_above_the_table(made, written):
    noise = {"snr_db": {"audio": 0.0}}
    page = written(made("one", **noise), made("two", seed=1, **noise))
    assert "Runs on the same test clips, noise of 0 dB on audio" in page


def test_an_imported_run_is_beside_a_trained_one(made, written):
    runs = [made("theirs", imported=True, measured={"energy": {}}), made("ours", measured={"energy": {}})]
    page = written(*runs)
    assert "theirs imported - imported - - - - 4.6" in page
    assert last_cells(page) == ["4.6"]
    assert "Fewer than two of these runs are finished" in page
    elsewhere = made("elsewhere", imported=True, measured={"energy": {"fingerprint": "fedcba9876543210"}})
    assert "differ in the data" in written(elsewhere, runs[1])


def test_a_record_that_cannot_be_read_leaves_its_cell_empty(made, written):
    runs = two(made, "energy", {})
    (runs[1] / ANALYSES["energy"].file).write_text("{}")
    assert last_cells(written(*runs)) == ["4.6", "-"]


def test_runs_without_their_predictions_are_not_tested(made, written):
    assert "There are no paired tests" in written(made("one"), made("two", seed=1))
