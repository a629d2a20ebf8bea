"""The part of `benchmarks/winner.py` about noise, and the pairs of trainings that all its parts compare."""

from __future__ import annotations

import pytest

import colliculus as cl

TINY = {
    "data": {"num_train": 64, "num_validation": 6, "num_test": 99, "size": 16},
    "method": {"dim": 8, "time_steps": 2},
    "train": {"epochs": 2, "batch_size": 4, "warmup_epochs": 0, "learning_rate": 5e-3},
}


def by_training(by_seed):
    """Fractions by title and training, from clips of 100 by title and seed."""
    return {title: {("", seed): n / 100 for seed, n in counts.items()} for title, counts in by_seed.items()}


def test_accuracies_are_those_of_the_seeds(winner, tmp_path):
    tables = winner("winner_tables")
    seeds = {tables.TECTUM: ("late-fusion", (0, 2)), "other": ("weighted-attention", (3, 2))}
    runs = {
        title: [
            cl.fit(
                cl.preset(f"{method}-synthetic", **TINY, **{"train.seed": s}),
                out=tmp_path / method / str(s),
                progress=False,
            )
            for s in chosen
        ]
        for title, (method, chosen) in seeds.items()
    }
    found = tables.compared({title: [run.folder for run in of] for title, of in runs.items()})
    assert found.accuracies == {
        title: {("", s): pytest.approx(run.result.test.accuracy) for s, run in zip(seeds[title][1], of, strict=True)}
        for title, of in runs.items()
    }
    assert all(len({*by_seed.values()}) == 2 for by_seed in found.accuracies.values())  # no seed stands for another
    (paired,) = tables.differences(found.accuracies[tables.TECTUM], found.accuracies["other"])
    assert paired == pytest.approx(-found.tests["other"].difference)


def test_the_noisy_mean_is_that_of_each_training(winner):
    noise = winner("winner_noise")
    accuracies = [{("", 0): 0.5, ("", 3): 0.75}, {("", 3): 0.25, ("", 0): 0.25}]
    assert noise.noisy_means(accuracies) == {("", 0): 0.375, ("", 3): 0.5}
    asked = noise.conditions(("a", "b"))
    assert {heading: one.describe() for heading, one in asked.items()} == {
        "clean": "clean",
        "noise on a": "noise of 0 dB on a",
        "noise on b": "noise of 0 dB on b",
        "noise on all": "noise of 0 dB on a, noise of 0 dB on b",
        "no a": "no a",
        "no b": "no b",
    }


def test_noisy_means_are_compared_seed_by_seed(winner):
    noise = winner("winner_noise")
    noisy = by_training({"ours": {0: 90, 1: 50, 2: 90}, "late": {2: 88, 1: 50}, "one": {1: 40}, "none": {7: 90}})
    # differences 0 and 2: the mean 1, Student's 12.71 (one degree of freedom) times 1 to both sides
    assert noise.over(noisy, "ours", "late") == "+1.0 (-11.7 to +13.7; p = 1)"
    assert noise.over(noisy, "ours", "one") == "+10.0"
    assert noise.over(noisy, "ours", "none") == noise.over(noisy, "ours", "not run") == ""


def test_trained_under_noise_is_also_compared_with_a_sum_so_trained(winner):
    noise, plan = winner("winner_noise"), winner("winner_plan")
    heard, sum_heard = plan.under_noise(plan.TECTUM), plan.under_noise(plan.PUBLISHED_SUM)
    assert {heard, sum_heard} < {*plan.UNDER_NOISE}
    by_seed = {
        plan.TECTUM: {0: 80, 1: 70},
        plan.PUBLISHED_SUM: {1: 60, 0: 62},
        heard: {0: 95, 1: 93},
        sum_heard: {1: 84},
    }
    over = "at least 15 points over sum, as published"
    assert list(noise.noisy_bars(by_training(by_seed))) == [
        f"- Tectum: {over}, on the noisy mean: missed (14.0).",
        f"- {heard}: {over} (not trained under noise), on the noisy mean: reached (33.0).",
        "- Like for like, Tectum over sum, as published, both trained under noise, in points: +9.0.",
    ]
    del by_seed[sum_heard]
    assert len(list(noise.noisy_bars(by_training(by_seed)))) == 2
