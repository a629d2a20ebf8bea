from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from colliculus.training.checkpoint import read_state

LAUNCH = {
    "first": [sys.executable, Path(__file__).with_name("forked.py")],
    "second": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs "whole" (4 epochs at once) and "halves" (2 epochs, and in fresh processes 2 more), each on two ranks."""
    folder = tmp_path_factory.mktemp("two-ranks")
    for part, launch in LAUNCH.items():
        done = subprocess.run(
            [*launch, Path(__file__).with_name("worker.py"), part, folder],
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "default"},
        )
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr, done.stderr
    return folder


@pytest.mark.parametrize(("one", "other"), [("whole", "halves"), ("refit", "refit first"), ("refit", "refit second")])
def test_two_and_two_epochs_equal_four_in_every_digit(folder, one, other):
    whole, halves = folder / one, folder / other
    for name in ("metrics.csv", "model.safetensors", "spike_health.json"):
        assert (whole / name).read_bytes() == (halves / name).read_bytes()
    results = [json.loads((run / "result.json").read_text()) for run in (whole, halves)]
    assert results[0].pop("samples_per_second") > 0
    assert results[1].pop("samples_per_second") > 0
    assert results[0] == results[1]


def test_weights_averages_and_moments_are_equal_after_the_resume(folder):
    whole, halves = (read_state(folder / name) for name in ("whole", "halves"))
    assert whole is not None
    assert halves is not None
    for part in ("model", "average"):
        for name, value in getattr(whole, part).items():
            assert torch.equal(value, getattr(halves, part)[name]), name
    for number, moments in whole.optimizer["state"].items():
        for name, value in moments.items():
            assert torch.equal(value, halves.optimizer["state"][number][name])


def test_every_sample_is_seen_once_and_none_is_tested_twice(folder):
    state = read_state(folder / "whole")
    assert state is not None
    assert state.samples == 4 * 13
    result = json.loads((folder / "whole" / "result.json").read_text())
    assert (result["validation"]["total"], result["test"]["total"], result["world_size"]) == (6, 5, 2)
    with (folder / "whole" / "metrics.csv").open() as file:
        assert [float(row["modulation_samples"]) for row in csv.DictReader(file)] == [6.5] * 4  # batches of 7 and 6


def test_a_parameter_without_gradient_stays_as_it_was(folder):
    assert load_file(folder / "whole" / "model.safetensors")["stray"].tolist() == [1.0, 1.0, 1.0]
