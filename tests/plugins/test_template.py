"""The template package is installed as a user would, and its parts are found, imported late, and train."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

import colliculus as cl
from colliculus import plugins
from colliculus.cli import main
from colliculus.methods import METHODS
from colliculus.runs.document import experiment_from_plain, experiment_to_plain
from colliculus.training.loggers import LOGGERS
from colliculus.types import ColliculusError

TEMPLATE = Path(__file__).parents[2] / "examples" / "plugin"
SMALL = [
    *("--data.num-train", "32", "--data.num-test", "12", "--data.num-validation", "12", "--data.size", "16"),
    *("--epochs", "1", "--device", "cpu", "--method.dim", "8"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder in which the template is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    source = copytree(TEMPLATE, folder / "source", ignore=ignore_patterns("build", "*.egg-info", "__pycache__"))
    flags = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *flags, "--target", str(folder / "site"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "site"


def forget():
    plugins._found.cache_clear()
    plugins._loaded.cache_clear()


@pytest.fixture
def use(monkeypatch):
    """Let this process see the packages of a folder, for one test."""

    def see(folder):
        monkeypatch.syspath_prepend(folder)
        forget()

    yield see
    monkeypatch.undo()
    forget()
    for name in [name for name in sys.modules if name.startswith("gated_colliculus")]:
        del sys.modules[name]


@pytest.fixture
def command(capsys):
    """Run the command line; what it printed."""

    def run(*arguments, code=0):
        try:
            found = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            found = stop.code
        printed = capsys.readouterr()
        assert found == code, printed.err
        return " ".join((printed.out + printed.err).split())

    return run


def test_parts_are_listed_without_an_import_and_in_either_order(site):
    program = """
import sys, json
import {first}
import colliculus as cl
listed = [*cl.methods.METHODS.others.items()], "gated-av-digits" in cl.presets(), "tectum-two-beeps" in cl.presets()
early = "gated_colliculus.method" in sys.modules
print(json.dumps([listed, early, cl.preset("gated-synthetic").method.name]))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(Path(cl.__file__).parents[1])])}
    for first in ("colliculus", "gated_colliculus.method"):
        ask = [sys.executable, "-c", program.format(first=first)]
        answer = subprocess.run(ask, env=environment, capture_output=True, text=True, check=True).stdout
        listed, early, name = json.loads(answer)
        assert listed == [[["gated", "gated-colliculus"]], True, True]
        assert early == (first != "colliculus")
        assert name == "gated"


def test_a_method_trains_by_its_preset_and_its_run_is_found(site, use, command, tmp_path):
    use(site)
    out = command("train", "gated-synthetic", "--out", tmp_path / "run", *SMALL, "--log", "one-line")
    assert "last loss" in out
    loaded = cl.load(tmp_path / "run")
    assert (loaded.experiment.method.name, loaded.experiment.method.dim) == ("gated", 8)
    assert loaded.result.test.total == 12
    assert "gated of the package gated-colliculus" in command("show", "presets")
    assert "gated of the package gated-colliculus" in command("show", "methods")
    shown = command("show", "plug-ins")
    for name in ("gated", "gated-sum", "slow-start", "two-beeps", "one-line"):
        assert re.search(rf"\b{name} \(gated-colliculus\)", shown)


def test_a_run_of_a_package_that_is_not_installed_names_its_method(site, use, command, tmp_path):
    use(site)
    command("train", "gated-synthetic", "--out", tmp_path / "run", *SMALL)
    sys.path.remove(str(site))
    forget()
    assert "unknown method 'gated'" in command("inspect", tmp_path / "run", code=2)


def test_a_fusion_and_a_balance_are_chosen_by_name_on_the_data_of_the_package(site, use, command, tmp_path):
    use(site)
    fusion = ["--method.fusion", "gated-sum", "--method.balance.plug-in.name", "slow-start", "--epochs", "3"]
    settings = ["--method.balance.plug-in.settings", "epochs", "2", "--device", "cpu"]
    out = command("train", "late-fusion-two-beeps", "--out", tmp_path / "run", *fusion, *settings)
    assert "left: series of 1 channels over 64 moments (axis 2 is time) -> 1 x 1 x 64, static" in out
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("modulation_waits")
    assert [float(row.split(",")[column]) for row in rows[1:]] == [1, 1, 0]
    assert cl.load(tmp_path / "run").experiment.method.balance.plug_in.settings == {"epochs": 2.0}
    with pytest.raises(ColliculusError, match="unknown fusion 'gated-some': did you mean 'gated-sum'"):
        cl.LateFusion(fusion="gated-some")
    with pytest.raises(ColliculusError, match="unknown balance of a plug-in 'slow': did you mean 'slow-start'"):
        cl.modulation.PlugInBalance(name="slow")
    with pytest.raises(ColliculusError, match="`settings` of a plug-in's balance have no effect without its `name`"):
        cl.modulation.PlugInBalance(settings={"epochs": 2})


@pytest.fixture
def installed(use, tmp_path):
    """Let this process see a package that offers parts, given as in `entry_points.txt`; none of its modules exists."""

    def install(name, parts):
        info = tmp_path / name / f"{name}-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(parts)
        use(tmp_path / name)

    return install


def test_a_package_that_cannot_be_imported_is_named_and_cannot_take_a_name(installed, command, tmp_path):
    installed("broken", "[colliculus.methods]\nbad = no_such_module:Bad\ntectum = no_such_module:Bad\n")
    assert "bad of the package broken" in command("show", "methods")
    out = command("train", "bad-synthetic", "--out", tmp_path / "run", code=2)
    assert "bad of the package broken cannot be used, no_such_module:Bad fails with ModuleNotFoundError" in out
    assert METHODS["tectum"] is cl.Tectum


def test_a_package_that_cannot_be_imported_leaves_runs_of_other_data_readable(installed):
    installed("broken", "[colliculus.datasets]\nbad = no_such_module:Bad\n")
    plain = experiment_to_plain(cl.preset("late-fusion-synthetic"))
    assert experiment_from_plain(plain) == cl.preset("late-fusion-synthetic")
    with pytest.raises(ColliculusError, match="bad of the package broken cannot be used"):
        experiment_from_plain({**plain, "data": {"name": "bad"}})
    with pytest.raises(ColliculusError, match="unknown dataset 'bat': did you mean 'bad'"):
        experiment_from_plain({**plain, "data": {"name": "bat"}})


def test_a_part_that_two_packages_offer_is_refused_with_both_names(installed):
    for package in ("first", "second"):
        installed(
            package, f"[colliculus.loggers]\nsame = collections:OrderedDict\nof-{package} = collections:OrderedDict\n"
        )
    assert LOGGERS.others == {"of-first": "first", "of-second": "second", "same": "first and second"}
    with pytest.raises(ColliculusError, match="same is the name of a part of the packages first and second: uninstall"):
        LOGGERS["same"]
    assert LOGGERS["of-first"] is OrderedDict
