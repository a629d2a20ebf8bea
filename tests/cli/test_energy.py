from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

CPU = ("--device", "cpu")


@pytest.fixture
def copy(run, tmp_path):
    """A run of its own for each test."""
    return str(shutil.copytree(run, tmp_path / "run"))


def test_the_record_is_written_and_printed(answer, answer_json, copy):
    printed = answer_json("energy", copy, *CPU, "--samples", "3", "--split", "train", "--mac-pj", "9.2")
    assert {"run": copy} | json.loads(Path(copy, "energy", "energy.json").read_text()) == printed
    assert (printed["samples"], printed["split"], printed["cost_table"]) == (3, "train", "own")
    out, _ = answer("energy", copy, *CPU)
    assert "Energy of one clip" in out
    assert f"Written into {Path(copy, 'energy')}" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--samples", "0"], "at least 1"),
        (["--table", "fp32"], "did you mean '45nm-fp32'?"),
        (["--ac-pj", "7"], "the MAC at least as large"),
        (["--data.num-classes", "3"], "classes"),
        (["--data.tactile"], "modalities"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_a_sentence(answer, copy, arguments, sentence):
    assert sentence in answer("energy", copy, *CPU, *arguments, code=2)[1]
    assert not Path(copy, "energy").exists()
