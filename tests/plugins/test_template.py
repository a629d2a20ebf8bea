"""The template package is installed as a user would, and its parts are found, imported late, and train."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

import colliculus

TEMPLATE = Path(__file__).parents[2] / "examples" / "plugin"
SMALL = [
    *("--data.num-train", "32", "--data.num-test", "12", "--data.num-validation", "12", "--data.size", "16"),
    *("--epochs", "1", "--device", "cpu", "--method.dim", "8"),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Environment in which the template is installed, in a folder of its own."""
    folder = tmp_path_factory.mktemp("plugin")
    source = copytree(TEMPLATE, folder / "source", ignore=ignore_patterns("build", "*.egg-info", "__pycache__"))
    flags = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *flags, "--target", str(folder / "site"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    ours = str(Path(colliculus.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "site"), ours]), "OMP_NUM_THREADS": "1"}


def python(program, environment, **more):
    """What a program prints in a fresh interpreter."""
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, **more
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def colli(environment, *arguments, code=0):
    """Run the command line; what it printed."""
    command = [sys.executable, "-m", "colliculus", *map(str, arguments)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == code, found.stderr
    return " ".join((found.stdout + found.stderr).split())


def test_parts_are_listed_without_an_import_and_in_either_order(installed):
    program = """
import sys, json
import {first}
import colliculus as cl
listed = [*cl.methods.METHODS.others.items()], "gated-av-digits" in cl.presets(), "tectum-two-beeps" in cl.presets()
early = "gated_colliculus.method" in sys.modules
print(json.dumps([listed, early, cl.preset("gated-synthetic").method.name]))
"""
    for first in ("colliculus", "gated_colliculus.method"):
        listed, early, name = json.loads(python(program.format(first=first), installed))
        assert listed == [[["gated", "gated-colliculus"]], True, True]
        assert early == (first != "colliculus")
        assert name == "gated"


def test_a_method_trains_by_its_preset_and_its_run_is_found(installed, tmp_path):
    out = colli(installed, "train", "gated-synthetic", "--out", tmp_path / "run", *SMALL, "--log", "one-line")
    assert "last loss" in out
    correct = f"import colliculus as cl; print(cl.load({str(tmp_path / 'run')!r}).result.test.correct)"
    assert (
        int(python(correct, installed)) == json.loads((tmp_path / "run" / "result.json").read_text())["test"]["correct"]
    )
    assert "gated of the package gated-colliculus" in colli(installed, "show", "presets")
    without = {**installed, "PYTHONPATH": installed["PYTHONPATH"].partition(os.pathsep)[2]}
    assert "unknown method 'gated'" in colli(without, "inspect", tmp_path / "run", code=2)


def test_a_fusion_and_a_balance_are_chosen_by_name_on_the_data_of_the_package(installed, tmp_path):
    fusion = ["--method.fusion", "gated-sum", "--method.balance.plug-in.name", "slow-start", "--epochs", "3"]
    settings = ["--method.balance.plug-in.settings", "epochs", "2", "--device", "cpu"]
    out = colli(installed, "train", "late-fusion-two-beeps", "--out", tmp_path / "run", *fusion, *settings)
    assert "left: series of 1 channels over 64 moments (axis 2 is time) -> 1 x 1 x 64, static" in out
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("modulation_waits")
    assert [float(row.split(",")[column]) for row in rows[1:]] == [1, 1, 0]
    wrong = ["--out", tmp_path / "x", "--method.fusion", "gated-some"]
    out = colli(installed, "train", "late-fusion-synthetic", *wrong, code=2)
    assert "unknown fusion 'gated-some'" in out
    assert "'gated-sum'" in out


def test_a_package_that_cannot_be_imported_is_named(tmp_path):
    info = tmp_path / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[colliculus.methods]\nbad = no_such_module:Bad\n")
    ours = str(Path(colliculus.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), ours])}
    out = colli(environment, "train", "bad-synthetic", "--out", tmp_path / "run", code=2)
    assert "bad of the package broken cannot be used, no_such_module:Bad fails with ModuleNotFoundError" in out
