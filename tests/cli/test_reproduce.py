from __future__ import annotations

import json
import shlex

import pytest

from colliculus.cli import main

TINY = {
    "method.dim": "16", "method.time-steps": "2", "data.num-classes": "2", "data.num-train": "8",
    "data.num-validation": "4", "data.num-test": "6", "data.size": "16", "data.steps": "2", "train.epochs": "1",
    "train.device": "cpu",
}  # fmt: skip
SMALL = [part for name, value in TINY.items() for part in (f"--{name}", value)]


def test_the_lines_of_a_dry_run_train_what_is_printed(answer, capsys, tmp_path):
    asked = ["reproduce", "taaf/table-1", "--seeds", "1", "--out", str(tmp_path)]
    assert main([*asked, "--dry-run", "--", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0
    capsys.readouterr()
    found = json.loads(answer(*asked, "--json", "--", *SMALL)[0])
    tested = json.loads(answer("evaluate", str(tmp_path / "taaf-synthetic_seed0"), "--json")[0])
    assert found["rows"][0]["ours"]["accuracies"] == [tested["accuracy"]]
    assert found["scaled"] is True
    assert "this is a scaled version of its table" in answer(*asked, "--", *SMALL)[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["s-cmrl/tabel-1"], "did you mean 's-cmrl/table-1'?"),
        (["s-cmrl/alpha", "--data", "av-digit"], "av-digits"),
        (["s-cmrl/alpha", "--seeds", "0"], "at least 1"),
        (["s-cmrl/alpha", "--", "--train.epohcs", "1"], "--train.epochs"),
    ],
    ids=str,
)
def test_a_mistake_is_reported(answer, arguments, message):
    assert message in answer("reproduce", *arguments, code=2)[1]
