"""The comparison of `benchmarks/winner.py`: every variant can be planned and built, and its sentences are right."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from colliculus.evaluation.paired import Score, paired_tests
from colliculus.evaluation.significance import smallest_p
from colliculus.types import DataSpec

SPECS = {
    "utd-mhad": DataSpec(
        channels={"inertial": 6, "skeleton": 60}, sizes={"inertial": (1, 128), "skeleton": (1, 64)}, num_classes=27
    ),
    "utd-mhad-3": DataSpec(
        channels={"inertial": 6, "skeleton": 60, "depth": 1},
        sizes={"inertial": (1, 128), "skeleton": (1, 64), "depth": (32, 32)},
        num_classes=27,
        steps={"depth": 8},
    ),
}


@pytest.fixture(scope="module")
def winner(request):
    """A module of the comparison by name."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(str(request.config.rootpath / "benchmarks"))
        yield import_module
    for name in ("study", "winner", "winner_plan", "winner_tables", "winner_noise", "winner_frontier"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def planned(winner, tmp_path_factory):
    """Every variant by part, data and title."""
    module, plan = winner("winner"), winner("winner_plan")
    settings = module.Settings(out=tmp_path_factory.mktemp("runs"))
    return {
        (part, data): settings.planned(data, variants)
        for part, datasets in plan.PARTS.items()
        for data, variants in datasets.items()
    }


def test_variants_differ_and_those_of_two_parts_are_the_same(winner, planned):
    seen = {}
    for (_, data), variants in planned.items():
        assert len({v.name for v in variants.values()}) == len(variants) == len({repr(v) for v in variants.values()})
        for variant in variants.values():
            assert seen.setdefault((data, variant.name), variant) == variant
    assert {data for data, _ in seen} == set(winner("winner_plan").DATA)


def test_all_variants_on_a_data_set_have_one_recipe(winner, planned):
    plan = winner("winner_plan")
    for (_, data), variants in planned.items():
        ours = variants[plan.TECTUM].experiment
        for title, variant in variants.items():
            train, own = variant.experiment.train, variant.experiment.data
            factor = 1.0 if title == "readout at the common rate" else ours.train.head_factor
            assert train == replace(ours.train, head_factor=factor), title
            varied = title.endswith("trained under noise") or title == "without augmentation"
            assert (own != ours.data) == varied, title
            assert replace(own, augment=ours.data.augment) == ours.data
        assert ours.train.select == "last"
        assert ours.train.refit == data.startswith("utd")


def test_every_variant_can_be_built(winner, planned):
    plan, built = winner("winner_plan"), {}
    for (_, data), variants in planned.items():
        for variant in variants.values():
            spec = SPECS.get(plan.DATA[data][0]) or variant.experiment.data.spec
            key = repr((variant.experiment.method, spec))
            if key not in built:
                built[key] = sum(p.numel() for p in variant.experiment.method.model(spec).parameters())
    assert len(built) > 50
    assert min(built.values()) > 10_000


def test_bars_name_variants_of_their_data(winner):
    plan = winner("winner_plan")
    on = {data: variants for part in ("digits", "utd", "old") for data, variants in plan.PARTS[part].items()}
    assert set(on) | {"lag"} == set(plan.BARS)
    for data, bar in plan.BARS.items():
        assert set(bar.margins) <= set(on.get(data, {})), data
    assert set(plan.UNDER_NOISE) | {plan.PUBLISHED_SUM} <= set(plan.PARTS["utd-noise"]["utd"])


def test_the_seeds_of_the_bound_digits_can_reach_their_bar(winner):
    plan, seeds = winner("winner_plan"), winner("winner").Settings().seeds
    bar, tests = plan.BARS["xor"].p, len(plan.PARTS["digits"]["xor"]) - 1
    assert tests * smallest_p(seeds) >= bar > tests * smallest_p(seeds + plan.MORE_SEEDS["digits"])


def comparison(winner, **right):
    """Tectum and others: recognised clips of 100 for each seed."""
    correct = {
        title: {("", seed): np.arange(100) < n for seed, n in enumerate(counts)} for title, counts in right.items()
    }
    return winner("winner_tables").Compared(
        scores={title: Score.of(trainings) for title, trainings in correct.items()},
        tests={test.first: test for test in paired_tests(correct, "Tectum")},
    )


def test_a_bar_is_reached_by_points_and_p(winner):
    tables, plan = winner("winner_tables"), winner("winner_plan")
    found = comparison(winner, Tectum=[96] * 11, far=[80] * 11, near=[94] * 11, above=[97] * 11)
    lines = list(
        tables.reached(
            found, plan.Bar(accuracy=95, margins={"far": 3, "near": 3, "above": -0.5}, p=0.01, among_best=True)
        )
    )
    assert lines[0] == "- Accuracy of at least 95 %: reached (96.0)."
    assert lines[1].startswith("- At least +3 points over far with p below 0.01: reached (+16.0, p = ")
    assert lines[2].startswith("- At least +3 points over near with p below 0.01: missed (+2.0, p = ")
    assert lines[2].endswith(", not shown to differ).")
    assert lines[3].startswith("- At least -0.5 points over above with p below 0.01: missed (-1.0, ")
    assert lines[4].endswith("none is shown to be better, and the highest mean is that of above.")
    assert tables.margin_verdict(found.tests["near"], 3, None).startswith("missed (+2.0, ")
    few = comparison(winner, Tectum=[96] * 3, far=[80] * 3)
    assert tables.margin_verdict(few.tests["far"], 3, 0.01).startswith("missed (+16.0, p = 0.25")
    assert tables.margin_verdict(few.tests["far"], 3, None).startswith("reached (+16.0, p = 0.25")


def test_a_table_says_how_far_tectum_is_above(winner):
    lines = winner("winner_tables").accuracy_table(comparison(winner, Tectum=[90, 92], other=[80, 81, 82]))
    assert lines[2].startswith("| Tectum | 2 | 91.0 (")
    assert lines[3].startswith("| other | 3 | 81.0 (")
    assert "| +10.5 (+4.1 to +16.9) |" in lines[3]  # 12.71 (Student, one degree of freedom) times 0.5 to both sides


def test_a_lag_is_compared_seed_by_seed(winner):
    tables, plan = winner("winner_tables"), winner("winner_plan")
    by_lag = {
        "lag-0": comparison(winner, Tectum=[90, 92], other=[90, 91]),
        "lag-4": comparison(winner, Tectum=[89, 90, 10], other=[80, 71]),
    }
    lines = tables.lag_table(by_lag, plan.Bar(drop=1.0))
    assert lines[0] == "| variant | lag-0 | lag-4 |"
    assert lines[2].startswith("| Tectum | 91.0 (")
    assert lines[2].endswith("; 3 seeds) |")
    assert lines[-2:] == [
        "- Tectum, lag 4 over lag 0: -1.5 points, at least -1: missed.",
        "- other, lag 4 over lag 0: -15.0 points.",
    ]
    assert tables.lag_table(by_lag, plan.Bar(drop=2.0))[-2].endswith("at least -2: reached.")


def test_a_cheap_form_is_chosen_on_validation(winner, monkeypatch):
    tables = winner("winner_tables")
    monkeypatch.setattr(tables, "validation", {"a": 0.9, "b": 0.8, "c": 0.99}.get)
    found = comparison(winner, **{"Tectum": [97], "Tectum a": [93], "Tectum b": [96], "sum": [99], "Tectum ANN": [99]})
    runs = {"Tectum": "c", "Tectum a": "a", "Tectum b": "b", "sum": "c", "Tectum ANN": "c"}
    counts = {"Tectum": 9000.0, "Tectum a": 7100.0, "Tectum b": 3000.0, "sum": 100.0, "Tectum ANN": 0.0}
    head = "A form of at most 7,000 spikes a clip with at least 95 %"
    assert tables.cheap_verdict(found, runs, counts, 7000, 95) == f"{head}: missed (93.0), Tectum a with 7,100 spikes."
    assert "reached (96.0), Tectum b" in tables.cheap_verdict(found, runs, counts, 3000, 95)
    assert tables.cheap_verdict(found, runs, counts, 1000, 95).endswith("missed, no form has so few.")


def test_the_noisy_mean_is_that_of_each_training(winner):
    noise = winner("winner_noise")
    scores = [Score(accuracies, 0.0, None, (0.0, 1.0)) for accuracies in ((0.5, 0.75), (0.25, 0.25))]
    assert noise.noisy_means(scores) == [0.375, 0.5]
    asked = noise.conditions(("a", "b"))
    assert {heading: one.describe() for heading, one in asked.items()} == {
        "clean": "clean",
        "noise on a": "noise of 0 dB on a",
        "noise on b": "noise of 0 dB on b",
        "noise on all": "noise of 0 dB on a, noise of 0 dB on b",
        "no a": "no a",
        "no b": "no b",
    }


def test_the_point_at_which_spikes_cost_less_is_named(winner):
    frontier, counterpart = winner("winner_frontier"), winner("winner_plan").COUNTERPART

    def form(accuracy, spikes, operations, memory):
        return frontier.Form(
            accuracy=accuracy, spikes=spikes, ac=0, mac=0, operations=(operations, 5.0), memory=(memory, 50.0)
        )

    forms = {
        "fine": form(0.96, 9000, 6.0, 90.0),
        "coarse": form(0.95, 4000, 4.0, 70.0),
        "few": form(0.9, 1000, 1.0, 51.0),
        counterpart: form(0.97, 0, 3.0, 49.0),
    }
    dense, trained, *memory = frontier.break_even(forms)
    assert "2 of 3 forms cost less than the artificial network" in dense
    assert "up to coarse (4,000 spikes a clip); the most accurate of them is coarse (95.0 %, 4.00 uJ)" in dense
    assert "1 of 3 forms" in trained
    assert "up to few (1,000 spikes a clip)" in trained
    assert all("No form costs less" in sentence for sentence in memory)
