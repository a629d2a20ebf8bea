"""The comparison of `benchmarks/winner.py`: every variant can be planned and built, and its sentences are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colliculus.evaluation.energy.measure import energy
from colliculus.evaluation.paired import Score, paired_tests
from colliculus.evaluation.significance import smallest_p
from colliculus.presets import preset
from colliculus.runs.experiment import replaced
from colliculus.training.fit import fit
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
    """Tectum and others: recognised clips of 100 for each seed, by seed or one after the other."""
    by_seed = {
        title: counts if isinstance(counts, dict) else dict(enumerate(counts)) for title, counts in right.items()
    }
    correct = {
        title: {("", seed): np.arange(100) < n for seed, n in counts.items()} for title, counts in by_seed.items()
    }
    return winner("winner_tables").Compared(
        scores={title: Score.of(trainings) for title, trainings in correct.items()},
        tests={test.first: test for test in paired_tests(correct, "Tectum")},
        accuracies={title: {seed: float(right.mean()) for seed, right in of.items()} for title, of in correct.items()},
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


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome", "best"),
    [
        ([96] * 2, [97] * 2, "undecided; so few seeds (2) can show no difference", "other"),
        ([96], [97], "undecided; so few seeds (1) can show no difference", "other"),
        ([96] * 5, [99] * 5, "undecided; so few seeds (5) can show no difference", "other"),
        ([98] * 2, [97] * 2, "reached; none is shown to be better", "Tectum"),
        ([97] * 2, [97] * 2, "reached; none is shown to be better", "Tectum"),
        ([96] * 6, [97] * 6, "reached; none is shown to be better", "other"),
        ([80] * 6, [97] * 6, "missed; shown to be better: other", "other"),
    ],
)
def test_too_few_seeds_decide_nothing_about_the_best(winner, ours, theirs, outcome, best):
    """Five pairs have p = 2 / 2^5 = 0.0625 at least, and six 0.031."""
    found = comparison(winner, Tectum=ours, other=theirs)
    lines = winner("winner_tables").reached(found, winner("winner_plan").Bar(among_best=True))
    assert list(lines) == [f"- Not below the best: {outcome}, and the highest mean is that of {best}."]


def test_holm_takes_part_in_what_seeds_can_show(winner):
    """Six pairs have p = 0.031 at least, and 0.062 where two rivals are tested."""
    found = comparison(winner, Tectum=[96] * 6, above=[97] * 6, below=[96, 96, 96, 96, 96, 95])
    (line,) = winner("winner_tables").reached(found, winner("winner_plan").Bar(among_best=True))
    assert line.startswith("- Not below the best: undecided; so few seeds (6) ")


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


def test_a_lag_pairs_seeds_and_not_places(winner):
    """Seed 0 is not finished at lag 4; no seed loses anything."""
    tables, plan = winner("winner_tables"), winner("winner_plan")
    by_lag = {
        "lag-0": comparison(winner, Tectum={0: 90, 1: 50, 2: 90}, other={0: 80}),
        "lag-4": comparison(winner, Tectum={1: 50, 2: 91}, other={1: 70, 0: 90}),
    }
    assert tables.lag_table(by_lag, plan.Bar(drop=1.0))[-2:] == [
        "- Tectum, lag 4 over lag 0: +0.5 points, at least -1: reached.",
        "- other, lag 4 over lag 0: +10.0 points.",
    ]
    assert tables.differences({("", 0): 0.5}, {("", 1): 0.25}) == []


def test_a_part_of_which_nothing_is_finished_has_no_table(winner, capsys):
    module, plan = winner("winner"), winner("winner_plan")
    for part in plan.PARTS:
        module.publish(module.Settings(), part, {})
    assert capsys.readouterr().out == ""


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


def test_the_frontier_of_two_runs_has_what_their_records_say(winner, tmp_path):
    frontier, counterpart = winner("winner_frontier"), winner("winner_plan").COUNTERPART
    runs, records = {}, {}
    for title, kind in {"Tectum": "graded", counterpart: "relu"}.items():
        changes = {"data.num_classes": 2, "data.num_train": 8, "data.num_validation": 4, "data.num_test": 4}
        changes |= {"data.size": 16, "data.steps": 2, "train.epochs": 1, "train.warmup_epochs": 1}
        changes |= {"train.device": "cpu", "method.dim": 8, "method.neuron.kind": kind}
        out = tmp_path / kind
        fit(replaced(preset("tectum-synthetic"), changes), out=out, progress=False)
        runs[title], records[title] = [out], energy(out)
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in frontier.frontier_table(runs)}
    for title, record in records.items():
        counted = record.operations
        assert counted.mac_once > 0
        assert rows[title][3:6] == [f"{n:,.0f}" for n in (counted.spikes or 0, counted.ac, counted.mac_once)]
    assert records["Tectum"].operations.spikes > 0
