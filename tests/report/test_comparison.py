"""The table above several runs: only figures that were measured alike stand in one column."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colliculus.evaluation.corruption.plan import RobustnessSettings
from colliculus.evaluation.energy.accuracy import NetworkAccuracy
from colliculus.report.comparison import compared
from colliculus.report.material import ANALYSES, read_material
from colliculus.report.report import report
from colliculus.types import ColliculusError

ENERGY, AREA = "energy of a clip at 45nm-fp32, uJ", "area under white noise, %"
COUNTERPART = "ANN counterpart, %"


def curve(**changes):
    """Another curve in place of the record's."""
    return lambda record: {"curves": (replace(record.curves[0], **changes),)}


def rows(*folders):
    """The comparison of some runs, and the cells of each run by heading."""
    found = compared([read_material(folder, folder.name) for folder in folders])
    headings = [column.heading for column in found.runs.columns]
    return found, [dict(zip(headings, row, strict=True)) for row in found.runs.rows]


def two(made, verb, changes):
    return made("one", measured={verb: {}}), made("two", seed=1, measured={verb: changes})


def test_energies_are_compared_at_one_cost_table(made):
    _, cells = rows(*two(made, "energy", {"cost_table": "45nm-int8"}))
    assert [one[ENERGY] for one in cells] == ["4.6", "4.6"]


def test_the_accuracy_of_the_counterpart_stands_beside_the_energy(made):
    trained = NetworkAccuracy(run="relu", steps=1, accuracy=0.75, interval=(0.5, 0.875), total=8)
    one, two = (
        made("one", measured={"energy": {}}),
        made("two", measured={"energy": {"accuracy": {"artificial": trained}}}),
    )
    found, cells = rows(one, two, made("three"))
    assert [cell[COUNTERPART] for cell in cells] == ["not trained", "75.0 (50.0..87.5)", "-"]
    assert not found.remarks


def test_areas_are_compared_where_they_were_measured_alike(made):
    found, cells = rows(*two(made, "robustness", {}))
    assert [one[AREA] for one in cells] == ["43.8", "43.8"]
    assert not found.remarks


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
def test_figures_that_were_measured_otherwise_get_a_sentence_and_no_column(made, verb, changes, why):
    found, cells = rows(*two(made, verb, changes))
    assert {ENERGY, COUNTERPART, AREA}.isdisjoint(cells[0])
    (remark,) = found.remarks
    assert f"is not compared: the runs differ in the {why}. Run `colliculus {verb}`" in remark


def test_a_part_that_is_not_the_test_part_is_in_the_heading(made):
    train = {"energy": {"split": "train"}}
    _, cells = rows(made("one", measured=train), made("two", seed=1, measured=train))
    assert "energy of a clip at 45nm-fp32 (train part), uJ" in cells[0]


def test_runs_tested_under_other_noise_are_refused(made, tmp_path):
    with pytest.raises(ColliculusError, match="noise at test differ: 0 dB on audio and none"):
        report([made("one"), made("two", seed=1, snr_db={"audio": 0.0})], tmp_path / "page.html")


def test_the_noise_of_the_test_is_in_the_title(made):
    noise = {"snr_db": {"audio": 0.0}}
    found, _ = rows(made("one", **noise), made("two", seed=1, **noise))
    assert found.runs.title == "Runs on the same test clips, noise of 0 dB on audio"


def test_an_imported_run_is_beside_a_trained_one(made):
    runs = [made("theirs", imported=True, measured={"energy": {}}), made("ours", measured={"energy": {}})]
    found, (theirs, ours) = rows(*runs)
    assert (theirs["accuracy, %"], theirs["seed"], theirs[ENERGY]) == ("imported", "-", "4.6")
    assert (ours["accuracy, %"], ours["seed"], ours[ENERGY]) == ("75.0", "0", "4.6")
    assert found.untested == "Fewer than two of these runs are finished, so there is no test."
    elsewhere = made("elsewhere", imported=True, measured={"energy": {"fingerprint": "fedcba9876543210"}})
    assert "differ in the data" in rows(elsewhere, runs[1])[0].remarks[0]


def test_a_record_that_cannot_be_read_leaves_its_cell_empty(made):
    runs = two(made, "energy", {})
    (runs[1] / ANALYSES["energy"].kind.FILE).write_text("{}")
    assert [one[ENERGY] for one in rows(*runs)[1]] == ["4.6", "-"]


def test_runs_without_their_predictions_are_not_tested(made):
    found, _ = rows(made("one"), made("two", seed=1))
    assert found.tested is None
    assert "There are no paired tests" in found.untested
    assert found.command.startswith("colliculus compare ")
