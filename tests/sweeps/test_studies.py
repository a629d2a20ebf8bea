"""The studies of `benchmarks/`: every variant that they train can be planned, and none needs the command line."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from colliculus.sweeps.plan import plan_variants


@pytest.fixture
def study(monkeypatch, request):
    """A module of `benchmarks/`, and its settings."""
    monkeypatch.syspath_prepend(str(request.config.rootpath / "benchmarks"))

    def load(name, out):
        module = import_module(name)
        return module, module.Settings(out=out)

    yield load
    for name in ("study", "balance", "silent_start", "methods"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "preset"), [("balance", "late-fusion-concat-av-digits"), ("silent_start", "s-cmrl-av-digits")]
)
def test_every_variant_can_be_planned(study, tmp_path, name, preset):
    module, settings = study(name, tmp_path)
    if name == "balance":
        titled = {recipe: module.trained_as(recipe, settings, balanced=True) for recipe in module.RECIPES}
    else:
        titled = module.VARIANTS
    variants = [settings.variant(title, preset, changes) for title, changes in titled.items()]
    jobs = plan_variants(variants, 2, tmp_path)
    assert len({job.folder for job in jobs}) == 2 * len(titled)
    assert len({repr(job.experiment) for job in jobs}) == 2 * len(titled)


def test_a_recipe_and_its_twin_differ_in_the_balance_alone(study, tmp_path):
    module, settings = study("balance", tmp_path)
    for recipe, twin in module.twins(settings).items():
        with_balance = module.trained_as(recipe, settings, balanced=True)
        without = module.trained_as(twin, settings, balanced=False)
        apart = {key for key in with_balance.keys() | without.keys() if with_balance.get(key) != without.get(key)}
        assert apart
        assert all(key.startswith("method.balance") for key in apart)


def test_every_method_can_be_planned_under_noise_and_without_a_speaker(study, tmp_path):
    module, settings = study("methods", tmp_path)
    noisy = settings.grid(list(module.TITLES), module.NOISE)
    assert [variant.preset for variant in noisy] == list(module.TITLES)
    assert all(variant.experiment.train.snr_db == {"audio": -10.0, "visual": -10.0} for variant in noisy)
    folds = settings.grid(module.OWN_ARITHMETIC[:2], {"data.protocol": "speaker-out"}, {"data.fold": range(6)})
    assert [variant.experiment.data.fold for variant in folds] == [*range(6), *range(6)]


def test_no_study_imports_the_command_line(request):
    files = sorted((request.config.rootpath / "benchmarks").glob("*.py"))
    assert len(files) > 5
    assert not [file.name for file in files if "colliculus.cli" in file.read_text("utf-8")]
