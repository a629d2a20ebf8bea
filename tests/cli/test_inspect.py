from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

CPU = ("--device", "cpu")


@pytest.fixture
def copy(run, tmp_path):
    return Path(shutil.copytree(run, tmp_path / "run"))


def test_the_record_is_printed_and_drawn(answer, answer_json, copy):
    found = answer_json("inspect", str(copy), *CPU, "--samples", "2")
    assert found["images"] == [str(copy / "inspect.png"), str(copy / "balance.png")]
    assert all(Path(path).exists() for path in found["images"])
    assert (found["run"], found["modalities"]) == (str(copy), ["audio", "visual"])
    assert sum(found["parts"].values()) == found["health"]["num_parameters"]
    out, _ = answer("inspect", str(copy), *CPU)
    for part in ("encoders.visual", "Parameters", "Validation accuracy", "warning:", "balance.png"):
        assert part in out


def test_without_matplotlib_the_tables_remain(answer, copy, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out, err = answer("inspect", str(copy), *CPU)
    assert "Parameters" in out
    assert "Drawn" not in out
    assert "colliculus[report]" in err


def test_no_sample_is_a_mistake(answer, run):
    assert "samples is 0" in answer("inspect", run, *CPU, "--samples", "0", code=2)[1]
