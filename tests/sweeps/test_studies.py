"""The studies of `benchmarks/`: every variant that they train can be planned, and none needs the command line."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import numpy as np
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
    for name in ("study", "balance", "silent_start", "methods", "declared", "readings", "controlled", "mask"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "preset"), [("balance", "late-fusion-concat-av-digits"), ("silent_start", "s-cmrl-av-digits")]
)
def test_every_variant_can_be_planned(study, tmp_path, name, preset):
    module, settings = study(name, tmp_path)
    if name == "balance":
        titled = {recipe: module.trained_as(recipe, settings, balanced=True) for recipe in module.COMPARED}
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


def test_all_epochs_of_a_recipe_are_shortened_but_the_halving_of_lfm(study, tmp_path):
    """By hand, in epochs from 1: a program that begins after 60 of 100 begins after 18 of 30."""
    module, settings = study("balance", tmp_path)
    assert (settings.share, settings.seeds) == (0.3, 10)
    counts = ("epochs", "step_epochs", "first_epoch", "last_epoch", "window")
    found = {}
    for recipe in module.COMPARED:
        changes = module.trained_as(recipe, settings, balanced=True)
        named = {key.rpartition(".")[2]: value for key, value in changes.items()}
        found[recipe] = {key: named[key] for key in counts if key in named}
        assert changes["train.learning_rate"] == 8e-3
    long = {"epochs": 30, "step_epochs": 21}
    assert found == {
        "ogm-ge": long | {"last_epoch": 16},
        "agm": long | {"last_epoch": 6},
        "pmr": {"epochs": 45, "step_epochs": 21, "last_epoch": 31},
        "mslr": long | {"last_epoch": 6, "window": 2},
        "iemf": long | {"first_epoch": 19},
        "lfm": long,
        "mm-pareto": {"epochs": 15, "step_epochs": 9},
    }


def test_every_method_can_be_planned_under_noise_and_without_a_speaker(study, tmp_path):
    module, settings = study("methods", tmp_path)
    noisy = settings.grid(list(module.TITLES), module.NOISE)
    assert [variant.preset for variant in noisy] == list(module.TITLES)
    assert all(variant.experiment.train.snr_db == {"audio": -10.0, "visual": -10.0} for variant in noisy)
    folds = settings.grid(module.OWN_ARITHMETIC[:2], {"data.protocol": "speaker-out"}, {"data.fold": range(6)})
    assert [variant.experiment.data.fold for variant in folds] == [*range(6), *range(6)]


def test_the_declared_comparison_can_be_planned(study, tmp_path):
    module, settings = study("declared", tmp_path)
    assert set(module.planned(settings)) == {"noise", "same", "sum"}  # without a folder of UTD-MHAD
    found = module.planned(replace(settings, utd_root=tmp_path / "utd"))
    assert settings.seeds >= 10
    for condition, chosen in found.items():
        data, changes = module.CONDITIONS[condition]
        assert [variant.preset for variant in chosen] == [
            *(f"{method}-{data}" for method in ("late-fusion", *module.EXCHANGES)),
            f"late-fusion-{data}",
        ]
        assert len({variant.name for variant in chosen}) == len(module.TITLES) == len(chosen)
        encoders = {variant.preset.split("-")[0]: variant.experiment.method.encoder for variant in chosen}
        assert encoders["cmqka"] == encoders["late"] == "deep"  # one budget
        neurons = [variant.experiment.method.neuron.kind for variant in chosen]
        assert (neurons.count("relu"), neurons[-1], chosen[-1].experiment.method.time_steps) == (1, "relu", 1)
        for variant in chosen:
            assert getattr(variant.experiment.data, "task", "digits") == changes.get("data.task", "digits")
            assert dict(variant.experiment.train.snr_db) == changes.get("train.snr_db", {})
            roots = {"utd": tmp_path / "utd"}
            assert variant.experiment.data.root == roots.get(condition)


def test_the_declared_comparison_is_of_the_best_on_validation(study, tmp_path, monkeypatch):
    module, _ = study("declared", tmp_path)
    accuracies = {"weighted-attention": 0.5, "s-cmrl": 0.9, "taaf": 0.6, "tectum": 0.8, "cmqka": 0.7}
    monkeypatch.setattr(module, "validation", lambda folders: accuracies[folders[0]])
    rng = np.random.default_rng(0)
    correct = {m: {("", s): rng.random(60) < 0.5 + (m != "late-fusion") / 4 for s in range(10)} for m in module.TITLES}
    test = module.primary({m: [m] for m in accuracies}, correct)
    assert (test.first, test.second, test.num_tests) == ("s-cmrl", "late-fusion", 1)
    lines = module.primary_table({"noise": test, "same": replace(test, p=0.04)})
    assert lines[-2].startswith("| noise | S-CMRL | +")
    assert lines[-1].endswith("| 0.04 |")  # Holm: the larger p-value of the two stays as it is


def test_every_reading_of_taaf_can_be_planned(study, tmp_path):
    module, settings = study("readings", tmp_path)
    trials = list(module.trials(2))
    assert settings.seeds >= 8
    assert len(trials) == len({trial.name for trial in trials}) == 2 * 2 * len(module.READINGS)
    methods = {trial.method: trial.experiment.method for trial in trials}
    assert len({repr(method) for method in methods.values()}) == len(module.READINGS)
    for trial in trials:
        trial.experiment.method.objective()
        trial.experiment.method.modulator()
        assert trial.experiment.data.lag == (2 if trial.study == "lag" else 0)


def test_the_table_of_readings_is_ranked_by_validation_and_tested_against_the_default(study, tmp_path):
    module, _ = study("readings", tmp_path)
    found = {}
    for place, title in enumerate(module.READINGS):
        for condition, shift in zip(module.CONDITIONS, (0.0, 2.0), strict=True):
            found[condition, title] = [
                module.Figures(
                    test=50.0 + shift + place + seed,
                    validation=60.0 - place,
                    area=1.0,
                    reached={"audio": 3, "visual": 5 + int(shift)},
                )
                for seed in range(8)
            ]
    header, _, first, second, *rest = module.table(found)
    cells = dict(zip(header.split(" | "), second.split(" | "), strict=True))
    assert first.startswith(
        f"| {module.DEFAULT} | 60.0 | 54.5 ± 2.4 | 53.5 ± 2.4 | 55.5 ± 2.4 | 3.0 ± 0.0 | 6.0 ± 1.0 | 1.0 ± 0.0 |"
    )
    assert (cells["epochs to 90 %, audio"], cells["epochs to 90 %, visual"]) == ("3.0 ± 0.0", "6.0 ± 1.0")
    assert cells["| reading"] == "| heads: slices of the joint one"
    assert cells["over the default, points"] == "+1.0 (+1.0 to +1.0)"
    assert cells["p"] == "0.0078"  # 2 of 2^8 signs
    assert len(rest) == len(module.READINGS) - 2


def test_no_study_imports_the_command_line(request):
    files = sorted((request.config.rootpath / "benchmarks").glob("*.py"))
    assert len(files) > 5
    assert not [file.name for file in files if "colliculus.cli" in file.read_text("utf-8")]


def test_a_change_and_its_attention_differ_in_the_exchange_alone(study, tmp_path):
    module, settings = study("mask", tmp_path)
    variants = [settings.variant(title, preset, changes) for title, (preset, changes) in module.VARIANTS.items()]
    assert len({job.folder for job in plan_variants(variants, 5, tmp_path)}) == 5 * len(variants)
    methods = {title: variant.experiment.method for title, variant in zip(module.VARIANTS, variants, strict=True)}
    for mask, attention in module.PAIRS.items():
        ours, theirs = (vars(methods[title]) for title in (mask, attention))
        apart = {name for name, value in ours.items() if value != theirs[name]}
        assert apart - {"heads"} in ({"cross_attention"}, {"exchange"}, {"cross_modal"})


def test_the_table_of_a_mask_compares_seed_by_seed(study, tmp_path, monkeypatch):
    module, _ = study("mask", tmp_path)
    titles = ["S-CMRL, attention", "S-CMRL, mask"]
    accuracies = dict(zip(titles, ([0.8, 0.9, 0.7], [0.81, 0.89, 0.73]), strict=True))
    runs = {title: [tmp_path / title / str(seed) for seed in range(3)] for title in titles}
    cost = SimpleNamespace(compute_nj=1500.0, total_nj=2500.0)
    energy = SimpleNamespace(tables={module.COSTS: SimpleNamespace(spiking_once=cost)})
    monkeypatch.setattr(module.Energy, "read", lambda path: energy)
    monkeypatch.setattr(
        module,
        "result",
        lambda folder: SimpleNamespace(test=SimpleNamespace(accuracy=accuracies[folder.parent.name][int(folder.name)])),
    )
    attention, mask = module.rows(runs)
    assert attention["difference to attention, points"] == ""
    assert mask["difference to attention, points"] == "1.0 ± 2.0 (-4.0 to 6.0), p = 0.750"
    assert (mask["energy of a clip: operations, uJ"], mask["and memory, uJ"]) == ("1.50", "2.5")
    assert mask["whole in NIR"] == "no"
