"""The record of a search, and commands that make none."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest

from colliculus.cli import main
from colliculus.sweeps.searched import Search, SearchedTrial


def test_a_table_shows_the_best_ten_and_a_figure_the_best_so_far():
    trials = [
        SearchedTrial(
            number=i, state="finished", values={"a": str(i)}, accuracy=a / 10, epochs=3, folder="", error=None
        )
        for i, a in enumerate([3, 7, 5, 9, 1, 2, 4, 6, 8, 0, 7, 7])
    ]
    found = Search(version="", preset="p", seed=0, out="o", trials=tuple(trials))
    rows = found.table().rows
    assert [row[0] for row in rows] == ["3", "8", "1", "10", "11", "7", "2", "6", "0", "5"]
    assert all(float(a[1].split()[0]) >= float(b[1].split()[0]) for a, b in pairwise(rows))
    curve = next(line for line in found.figure().axes[0].lines if line.get_label() == "best so far")
    assert list(curve.get_ydata()) == pytest.approx([30, 70, 70, 90, 90, 90, 90, 90, 90, 90, 90, 90])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["late-fusion-synthetic", "--set", "method.dim", "8..16"], "--set method.dim 8..16 is a range: add --search"),
        (["late-fusion-synthetic", "--search", "0", "--set", "method.dim", "8..16"], "trials is 0: give at least 1"),
        (["late-fusion-synthetic", "--search", "2"], "there is nothing to search"),
        (["late-fusion-synthetic", "--search", "2", "--dry-run"], "`dry_run` is True, which has no effect"),
        (["a", "b", "--search", "2"], "a search takes one preset, not 2"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_refused(capsys, tmp_path, arguments, message):
    with suppress(SystemExit):
        assert main(["sweep", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
