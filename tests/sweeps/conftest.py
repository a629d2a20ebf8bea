from __future__ import annotations

import shutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

from colliculus.cli import main
from colliculus.sweeps.plan import plan_sweep

SMALL = {
    "method.dim": 16, "method.time_steps": 2, "data.num_classes": 2, "data.num_train": 8, "data.num_validation": 4,
    "data.num_test": 6, "data.size": 16, "data.steps": 2, "train.epochs": 3, "train.device": "cpu",
}  # fmt: skip
METHODS = ["late-fusion-synthetic", "weighted-attention-synthetic"]


@pytest.fixture(scope="session")
def small():
    """Settings of the smallest trainings."""
    return SMALL


@pytest.fixture(scope="session")
def whole(tmp_path_factory, run_here):
    """Two trainings that were never stopped, each run in this process by the arguments of its job."""
    out = tmp_path_factory.mktemp("whole")
    run_here(plan_sweep(METHODS, seeds=1, overrides=SMALL, out=out))
    return out


@pytest.fixture
def trained(whole, tmp_path):
    """A copy of these trainings."""
    return Path(shutil.copytree(whole, tmp_path / "trained"))


@pytest.fixture(scope="session")
def run_here():
    """Run jobs in this process, which is quicker than processes of their own."""

    def run(jobs):
        for job in jobs:
            assert main(job.arguments) == 0

    return run


@pytest.fixture(scope="module")
def winner(request):
    """A module of the comparison by name."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(str(request.config.rootpath / "benchmarks"))
        yield import_module
    for name in ("study", "winner", "winner_plan", "winner_tables", "winner_noise", "winner_frontier"):
        sys.modules.pop(name, None)
