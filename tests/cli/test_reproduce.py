from __future__ import annotations

import json
import shlex

import numpy as np
import pytest

from colliculus.cli import main, reproduce_report
from colliculus.cli.reproduce import SCALED
from colliculus.evaluation.comparison import compare, compare_all
from colliculus.evaluation.score import Score
from colliculus.evaluation.significance import smallest_p
from colliculus.presets import PRESETS
from colliculus.sweeps.published_tables import TABLES
from colliculus.sweeps.reproduce_report import Reproduced

TINY = {
    "method.dim": "16", "method.time-steps": "2", "data.num-classes": "2", "data.num-train": "8",
    "data.num-validation": "4", "data.num-test": "6", "data.size": "16", "data.steps": "2", "train.epochs": "1",
    "train.device": "cpu",
}  # fmt: skip
SMALL = [part for name, value in TINY.items() for part in (f"--{name}", value)]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_holds_together(name):
    table = TABLES[name]
    titles = [row.title for row in table.rows]
    assert len(set(titles)) == len(titles)
    assert table.against in titles
    assert {data for row in table.rows for data in row.published} <= set(table.datasets)
    assert {f"{row.method}-{data}" for row in table.rows for data in SCALED} <= set(PRESETS)


@pytest.mark.parametrize("data", SCALED)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_a_training(capsys, tmp_path, name, data):
    asked = ["reproduce", name, "--data", data, "--seeds", "2", "--out", str(tmp_path), "--dry-run"]
    assert main(asked) == 0
    lines = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    rows = {(row.method, *row.settings.items()) for row in TABLES[name].rows}
    assert len(lines) == 2 * len(rows)
    assert all(line[2] in PRESETS for line in lines)
    assert [line[-1] for line in lines].count("1") == len(rows)


def test_reference_arithmetic_unless_ours_is_asked_for(capsys, tmp_path):
    asked = ["reproduce", "s-cmrl/alpha", "--seeds", "1", "--out", str(tmp_path), "--dry-run"]
    assert main(asked) == 0
    assert "train s-cmrl-reference-synthetic" in (printed := capsys.readouterr().out)
    assert [
        f"--method.alpha {a}" in line
        for a, line in zip(("0.0", "0.5", "1.0", "1.5", "2.0"), printed.splitlines(), strict=True)
    ] == [True] * 5
    assert main([*asked, "--ours"]) == 0
    assert "train s-cmrl-synthetic" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["s-cmrl/tabel-1"], "did you mean 's-cmrl/table-1'?"),
        (["s-cmrl/alpha", "--data", "av-digit"], "av-digits"),
        (["s-cmrl/alpha", "--seeds", "0"], "at least 1"),
        (["s-cmrl/alpha", "--", "--train.epohcs", "1"], "--train.epochs"),
    ],
    ids=str,
)
def test_a_mistake_is_told(answer, arguments, told):
    assert told in answer("reproduce", *arguments, code=2)[1]


@pytest.mark.timeout(300)
def test_a_scaled_version_is_trained_tested_and_not_trained_again(answer, tmp_path):
    asked = ["reproduce", "s-cmrl/noise", "--seeds", "2", "--jobs", "2", "--out", str(tmp_path)]
    small = [*SMALL, "--train.snr-db", "audio", "-20"]  # learned under noise: the clean row is clean all the same
    found = json.loads(answer(*asked, "--json", "--", *small)[0])
    assert len(list(tmp_path.glob("*/result.json"))) == 4  # two methods with two seeds: the noise is added at test
    rows = {row["row"]: row for row in found["rows"]}
    for row, noise in (("no exchange, clean", ()), ("no exchange, 0 dB", ("--snr-db", "visual", "0"))):
        tested = json.loads(answer("evaluate", str(tmp_path / "late-fusion-synthetic_seed1"), "--json", *noise)[0])
        assert rows[row]["ours"]["accuracies"][1] == tested["accuracy"]
    assert found["scaled"] is True
    assert all(row["published"] is row["difference"] is None for row in found["rows"])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.safetensors")}
    out, _ = answer(*asked, "--", *small)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.safetensors")} == before
    assert out.count("not at hand") == 10
    assert "this is a scaled version of its table" in out
    assert "tests clean, ours at test" in out


def reproduced(data, num_seeds=3):
    """The alpha table with made-up answers: each row two clips of a hundred better than the one before."""
    table = TABLES["s-cmrl/alpha"]
    rows = {
        row.title: {("", s): np.arange(100) < 60 + 2 * k + s for s in range(num_seeds)}
        for k, row in enumerate(table.rows)
    }
    return Reproduced(
        name="s-cmrl/alpha", table=table, data=data, presets=dict.fromkeys(rows, f"s-cmrl-{data}"), rows=rows,
        protocol="actors known", fingerprint="0", epochs=100,
    )  # fmt: skip


def test_on_the_papers_data_ours_is_measured_against_it():
    found = reproduced("crema-d")
    row = reproduce_report.record(found)["rows"][3]
    assert row["published"] == {"accuracy": 72.31, "deviation": 0.94}
    assert row["ours"]["accuracy"] == pytest.approx(0.67)
    assert row["difference"] == pytest.approx(67 - 72.31)
    assert row["distance"]["difference"] == pytest.approx(0.06)
    assert row["distance"]["p_clips"] == compare("alpha 1.5", "alpha 0.0", found.rows).p_clips
    assert row["ours"]["interval"] == (Score.of(found.rows["alpha 1.5"]).interval)


def test_distances_are_raised_for_all_rows_at_once():
    found = reproduced("crema-d", num_seeds=6)
    raised = {c.first: c.p for c in compare_all(found.rows, "alpha 0.0")}
    told = {row["row"]: row["distance"] for row in reproduce_report.record(found)["rows"]}
    assert told.pop("alpha 0.0") is None
    assert {title: distance["p"] for title, distance in told.items()} == raised
    assert all(p == 4 * smallest_p(6) for p in raised.values())


def test_on_other_data_only_distances_are_told():
    row = reproduce_report.record(reproduced("av-digits"))["rows"][3]
    assert row["published"]["accuracy"] == 72.31
    assert row["difference"] is None
    assert row["published_distance"] == pytest.approx(72.31 - 70.74)


@pytest.mark.parametrize("data", ["crema-d", "av-digits"])
def test_a_row_without_trainings_is_empty(data):
    found = reproduced(data)
    found.rows["alpha 1.5"] = {}
    row = reproduce_report.record(found)["rows"][3]
    assert row["ours"] is row["difference"] is row["distance"] is None
    assert len(list(reproduce_report.pages(found))) >= 3
