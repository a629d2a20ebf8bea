"""Accuracy of the variants of benchmarks/winner.py under noise and without a modality."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from study import markdown
from winner_plan import NOISY_MARGIN, PUBLISHED_SUM, TECTUM, under_noise
from winner_tables import Accuracies, Runs, compared, differences, span, verdict

from colliculus.evaluation.evaluate import predictions_of
from colliculus.evaluation.significance import permutation, student_interval
from colliculus.evaluation.trained_run import open_run
from colliculus.evaluation.verdict import p_value
from colliculus.runs.kept_predictions import Condition

NOISE_DB = 0.0


def conditions(modalities: Sequence[str]) -> dict[str, Condition]:
    """Clean, white noise on each modality and on all, and each modality missing, by heading."""
    noisy = {f"noise on {m}": Condition({m: NOISE_DB}) for m in modalities}
    noisy["noise on all"] = Condition(dict.fromkeys(modalities, NOISE_DB))
    return {"clean": Condition(), **noisy, **{f"no {m}": Condition({}, (m,)) for m in modalities}}


def measure(folders: Sequence[Path], asked: Mapping[str, Condition], jobs: int) -> None:
    """Predict the test clips of runs under conditions; the run folders keep the predictions."""
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(_predict, asked=tuple(asked.values())), folders))


def _predict(folder: Path, asked: Sequence[Condition]) -> None:
    torch.set_num_threads(1)
    run = open_run(folder, "cpu")
    for condition in asked:
        predictions_of(run, condition)


def noise_table(runs: Runs, modalities: Sequence[str]) -> list[str]:
    """Accuracy under each condition, and the mean over the noisy ones against the published sum."""
    asked = conditions(modalities)
    found = {heading: compared(runs, condition) for heading, condition in asked.items()}
    noisy = {title: noisy_means([found[h].accuracies[title] for h in asked if h.startswith("noise")]) for title in runs}
    rows: list[dict[str, str]] = []
    for title in sorted(runs, key=lambda title: -mean(noisy[title].values())):
        cells = {heading: f"{100 * one.scores[title].accuracy:.1f}" for heading, one in found.items()}
        rows.append(
            {
                "variant": title,
                "seeds": str(len(noisy[title])),
                **cells,
                "noisy mean": f"{100 * mean(noisy[title].values()):.1f}",
                f"over {PUBLISHED_SUM}, points": "" if title == PUBLISHED_SUM else over(noisy, title, PUBLISHED_SUM),
            }
        )
    return [*markdown(rows), "", *noisy_bars(noisy)]


def noisy_means(conditions: Sequence[Accuracies]) -> Accuracies:
    """Mean accuracy over conditions, of each training."""
    return {training: mean(one[training] for one in conditions) for training in conditions[0]}


def over(noisy: Mapping[str, Accuracies], title: str, other: str) -> str:
    """Difference of two variants in points, its interval, and the p-value over seeds; empty without common seeds."""
    found = differences(noisy[title], noisy.get(other, {}))
    if len(found) < 2:
        return "".join(f"{100 * one:+.1f}" for one in found)
    interval = span(student_interval(found), "+.1f")
    return f"{100 * mean(found):+.1f} ({interval}; p = {p_value(permutation(found))})"


def noisy_bars(noisy: Mapping[str, Accuracies]) -> Iterator[str]:
    """The bar for Tectum; and trained under noise, beside a sum that was trained under noise as well."""
    heard, sum_heard = under_noise(TECTUM), under_noise(PUBLISHED_SUM)
    for title in (TECTUM, heard):
        if found := differences(noisy.get(title, {}), noisy.get(PUBLISHED_SUM, {})):
            apart = " (not trained under noise)" if title == heard else ""
            head = f"- {title}: at least {NOISY_MARGIN:g} points over {PUBLISHED_SUM}{apart}, on the noisy mean"
            yield f"{head}: {verdict(100 * mean(found), NOISY_MARGIN)}."
    if heard in noisy and (points := over(noisy, heard, sum_heard)):
        yield f"- Like for like, {TECTUM} over {PUBLISHED_SUM}, both trained under noise, in points: {points}."
