from __future__ import annotations

import pytest

from colliculus.data import DATASETS
from colliculus.methods import METHODS
from colliculus.neurons.kernels.choice import KERNELS
from colliculus.presets import PRESETS
from colliculus.runs.recipes import RECIPES

ROWS = {name.removesuffix(f"-{p.data}") for name, p in PRESETS.items()}
DATA = {p.data for p in PRESETS.values()}


@pytest.mark.parametrize(
    ("topic", "names"),
    [
        ("presets", ROWS | DATA),
        ("methods", METHODS),
        ("datasets", DATASETS),
        ("recipes", RECIPES),
        ("kernels", KERNELS),
    ],
)
def test_a_topic_lists_all_of_its_names(answer, topic, names):
    out, _ = answer("show", topic)
    assert out.startswith(topic)
    assert all(f" {name} " in out for name in names)


def test_the_presets_that_are_not_there_are_told(answer):
    out, _ = answer("show", "presets")
    rows = [row for row in ROWS if f"{row}-arrays" not in PRESETS]
    without = ("arrays", "utd-mhad", "utd-mhad-3")  # their modalities have other names
    assert out.count(f"(not on {', '.join(without)})") == len(rows) == 2
    absent = {f"{row}-{data}" for row in rows for data in without}
    assert {f"{row}-{data}" for row in ROWS for data in DATA} - set(PRESETS) == absent


def test_without_a_topic_everything_is_listed(answer):
    out, _ = answer("show")
    assert all(f" {name} " in out for name in [*ROWS, *METHODS, *DATASETS, *RECIPES, *KERNELS])


@pytest.mark.parametrize("topic", ["presets", "methods", "datasets", "recipes", "kernels"])
def test_it_fits_eighty_columns(topic, capsys, monkeypatch):
    from colliculus.cli import main

    monkeypatch.setenv("COLUMNS", "80")
    assert main(["show", topic]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_shown_in_eighty_columns_with_the_flags_that_override_it(capsys, monkeypatch, name):
    from colliculus.cli import main

    monkeypatch.setenv("COLUMNS", "80")
    assert main(["show", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    out = " ".join(" ".join(lines).split())
    experiment = PRESETS[name].experiment
    assert f"--method.dim {experiment.method.dim} " in out
    assert f"--train.epochs {experiment.train.epochs} " in out
    assert f"colliculus train {name}" in out


@pytest.mark.parametrize(("name", "preset"), [("s-cmrl", "s-cmrl-synthetic"), ("arrays", "late-fusion-arrays")])
def test_a_method_or_dataset_is_shown_with_its_presets(answer, name, preset):
    assert preset in answer("show", name)[0]


@pytest.mark.parametrize(
    ("typo", "right"),
    [("prests", "presets"), ("s-crml-arrays", "s-cmrl-arrays"), ("s-crml", "s-cmrl"), ("aray", "arrays")],
)
def test_a_typo_names_the_right_one(answer, typo, right):
    assert f"did you mean '{right}'?" in answer("show", typo, code=2)[1]


def test_kernels_in_use_and_why(answer, monkeypatch):
    monkeypatch.delenv("COLLICULUS_KERNELS", raising=False)
    free, _ = answer("show", "kernels")
    assert "(the fastest available)" in free
    monkeypatch.setenv("COLLICULUS_KERNELS", "eager")
    forced, _ = answer("show", "kernels")
    assert "In use on cpu: eager (COLLICULUS_KERNELS=eager is set)" in forced
    monkeypatch.setenv("COLLICULUS_KERNELS", "fast")
    assert "choose one of plain, eager, native, triton" in answer("show", "kernels", code=2)[1]


def test_a_missing_kernel_says_why(answer, monkeypatch):
    from colliculus.neurons.kernels import native

    monkeypatch.delenv("COLLICULUS_KERNELS", raising=False)
    monkeypatch.setattr(native, "library", lambda: None)
    out, _ = answer("show", "kernels")
    assert "no C compiler" in out
    assert "In use on cpu: eager" in out
