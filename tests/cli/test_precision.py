"""`--precision` of the verbs that use a trained network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from exported_runs import synthetic_run

from colliculus.cli import main

CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose network fires."""
    return synthetic_run(tmp_path_factory.mktemp("narrow"))


@pytest.fixture
def clips(run, tmp_path):
    run.experiment.data.export(tmp_path / "clips", count=3)
    return str(tmp_path / "clips")


def probabilities(capsys, verb, run, clips, *more):
    """Probabilities of each clip, from `predict` or from `stream`."""
    assert main([verb, str(run.folder), clips, "--json", *CPU, *more]) == 0
    out = capsys.readouterr().out
    found = json.loads(out)["predictions"] if verb == "predict" else [json.loads(line) for line in out.splitlines()]
    return [one["probability"] for one in found]


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_clips_and_streams_are_answered_alike(capsys, run, clips, precision):
    wide = probabilities(capsys, "predict", run, clips)
    narrow = probabilities(capsys, "predict", run, clips, "--precision", precision)
    streamed = probabilities(capsys, "stream", run, clips, "--precision", precision)
    assert len(wide) == len({*wide}) == 3
    assert narrow == pytest.approx(wide, abs=0.3)
    assert all(ours != theirs for ours, theirs in zip(narrow, wide, strict=True))
    assert streamed == pytest.approx(narrow, abs=0.1 if precision == "bf16" else 1e-6)


def test_measurements_state_their_precision(answer_json, run):
    assert answer_json("evaluate", str(run.folder), *CPU, "--precision", "int8")["precision"] == "int8"
    assert answer_json("evaluate", str(run.folder), *CPU)["precision"] == "fp32"
    found = answer_json("robustness", str(run.folder), *CPU, "--precision", "bf16", "--only", "blur")
    assert found["precision"] == "bf16"
    assert Path(run.folder, "robustness-bf16", "curves.csv").is_file()
