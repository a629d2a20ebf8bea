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


@pytest.mark.parametrize(("name", "preset"), [("balance", None), ("silent_start", "s-cmrl-av-digits")])
def test_every_variant_can_be_planned(study, tmp_path, name, preset):
    module, settings = study(name, tmp_path)
    titled = {t: v if preset is None else (preset, v) for t, v in module.VARIANTS.items()}
    variants = [settings.variant(title, start, changes) for title, (start, changes) in titled.items()]
    jobs = plan_variants(variants, 2, tmp_path)
    assert len({job.folder for job in jobs}) == 2 * len(titled)
    assert len({repr(job.experiment) for job in jobs}) == 2 * len(titled)


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
