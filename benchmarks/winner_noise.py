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
from winner_plan import NOISY_MARGIN, PUBLISHED_SUM, TECTUM, UNDER_NOISE
from winner_tables import Runs, compared, span, verdict

from colliculus.evaluation.evaluate import predictions_of
from colliculus.evaluation.paired import Score
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
    found = {heading: compared(runs, condition).scores for heading, condition in asked.items()}
    noisy = {title: noisy_means([found[h][title] for h in asked if h.startswith("noise")]) for title in runs}
    rows: list[dict[str, str]] = []
    for title in sorted(runs, key=lambda title: -mean(noisy[title])):
        cells = {heading: f"{100 * scores[title].accuracy:.1f}" for heading, scores in found.items()}
        rows.append(
            {
                "variant": title,
                "seeds": str(len(noisy[title])),
                **cells,
                "noisy mean": f"{100 * mean(noisy[title]):.1f}",
                f"over {PUBLISHED_SUM}, points": _over(noisy[title], noisy.get(PUBLISHED_SUM), title),
            }
        )
    return [*markdown(rows), "", *_noisy_bars(noisy)]


def noisy_means(scores: Sequence[Score]) -> list[float]:
    """Mean accuracy over conditions, one for each training."""
    return [mean(values) for values in zip(*(score.accuracies for score in scores), strict=True)]


def _over(ours: Sequence[float], theirs: Sequence[float] | None, title: str) -> str:
    """Difference seed by seed, its interval, and the p-value over seeds."""
    if theirs is None or title == PUBLISHED_SUM:
        return ""
    differences = [a - b for a, b in zip(ours, theirs, strict=False)]  # of the seeds that both have
    if len(differences) < 2:
        return f"{100 * differences[0]:+.1f}"
    interval = span(student_interval(differences), "+.1f")
    return f"{100 * mean(differences):+.1f} ({interval}; p = {p_value(permutation(differences))})"


def _noisy_bars(noisy: Mapping[str, Sequence[float]]) -> Iterator[str]:
    for title in (TECTUM, next(iter(UNDER_NOISE))):
        if title in noisy and PUBLISHED_SUM in noisy:
            pairs = zip(noisy[title], noisy[PUBLISHED_SUM], strict=False)
            points = 100 * mean(a - b for a, b in pairs)
            head = f"- {title}: at least {NOISY_MARGIN:g} points over {PUBLISHED_SUM} on the noisy mean"
            yield f"{head}: {verdict(points, NOISY_MARGIN)}."
