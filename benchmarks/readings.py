"""Every reading of TAAF where the answer is known: the synthetic set with a lag, and with a dominant modality.

    python benchmarks/readings.py

The plan, written before any of it is run:

- The published summaries of TAAF leave open where its unimodal logits come from, what its scores slow down, how its
  time is aligned, and how its scores are made and used. Each reading is the default until then with one changed;
  the two that the group's earlier paper makes likely together (slices of the joint head, factors on the losses) are a
  pair as well.
- Conditions, as in controlled.py: the sound comes 2 of 10 steps after the images (AdamW); the sound's signal has a
  third of the images' amplitude under the same noise (SGD with momentum). The same budget for all.
- Eight seeds, which decide data, initial weights and order. The epoch is chosen on validation, and tested once.
- Rule: the reading with the highest **validation** accuracy, the mean over both conditions and all seeds, becomes the
  default. Its test accuracy against that of the one until then (mean of both conditions, seed by seed, permutation of
  signs) is shown with p, and decides nothing.
- All others are shown with intervals and p-values by Holm, and nothing is concluded from them. Convergence (the epochs
  until each modality reaches 90 % of its best, and the area between the curves) stands beside accuracy.

The rule was set so when the table of one seed had been seen, and no more. Until then a reading also had to reach
p < 0.05 on the test to become the default.

It trains what is not trained (skips what is done) and prints the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log10, nan
from pathlib import Path
from statistics import mean
from typing import Any

import torch
import tyro
from controlled import ADAMW, SGD, SHARED, Trial, clips, experiment
from study import Tables, markdown, side_by_side, spread

from colliculus.evaluation.significance import holm, permutation, student_interval
from colliculus.evaluation.verdict import p_value
from colliculus.methods import TAAF
from colliculus.modulation import Balance, ScoreBalance
from colliculus.runs.result import read_result
from colliculus.training.fit import fit

LAG, RATIO = 2, 3
DEFAULT = "default until then"


def by_scores(kind: Any) -> Balance:
    """The balance by scores of that kind."""
    return Balance(kind="scores", scores=ScoreBalance(kind=kind))


READINGS: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {"regulariser": "none"},
    "heads: slices of the joint one": {"heads": "shared"},
    "scores on the losses": {"balance": by_scores("loss")},
    "slices, and scores on the losses": {"heads": "shared", "balance": by_scores("loss")},
    "scores as inverse weights of the losses": {"balance": by_scores("inverse")},
    "scores on the gradient of each step": {"balance": by_scores("step")},
    "no balance": {"balance": Balance(kind="none")},
    "alignment: none": {"alignment": "identity"},
    "alignment: warping": {"alignment": "warp"},
    "alignment: warping by the clip": {"alignment": "clip-warp"},
    "score of the last query": {"score_reduction": "last"},
    "score of the largest query": {"score_reduction": "max"},
    "score of the diagonal": {"score_reduction": "diagonal"},
    "scores from logits": {"score_input": "logits"},
    "scores pool features": {"apply_to": "features"},
    "scores gate features": {"apply_to": "gate"},
    "scores as constants of the loss": {"score_gradient": "detach_in_loss"},
    "scores as constants": {"score_gradient": "detach"},
    "fusion: weighted sum": {"fusion": "sum"},
    "regulariser: TET": {"regulariser": "tet"},
    "regulariser: mean": {"regulariser": "mean_ce"},
}
"""Changed settings by title."""


@dataclass(frozen=True, kw_only=True)
class Settings(Tables):
    """Train every reading."""

    out: Path = Path("runs/readings")
    """Folder of the runs."""
    seeds: int = 8
    """Trainings of each reading in each condition."""
    jobs: int = 2
    """Trainings at once, each on one thread."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Figures of one training: accuracies in percent, and when the modalities converge."""

    test: float
    validation: float
    area: float
    reached: Mapping[str, int]


def trials(seeds: int) -> Iterator[Trial]:
    """Every reading in both conditions, seed by seed."""
    for seed in range(seeds):
        lagged = clips(seed, lag=LAG, onsets=2)
        dominated = clips(seed, audio_snr_db=-20 * log10(RATIO))
        for title, changes in READINGS.items():
            method = TAAF(**{**SHARED, **READINGS[DEFAULT], **changes})
            yield Trial("lag", LAG, title, seed, experiment(method, lagged, ADAMW, seed))
            yield Trial("dominance", RATIO, title, seed, experiment(method, dominated, SGD, seed))


def run(trial: Trial, out: Path) -> Figures:
    """Train, if that is not done yet."""
    torch.set_num_threads(1)
    folder = out / trial.name
    found = read_result(folder) or fit(trial.experiment, out=folder, resume=True, progress=False).result
    chosen = nan if found.validation is None else 100 * found.validation.accuracy
    together = found.coordination
    return Figures(
        test=100 * found.test.accuracy,
        validation=chosen,
        area=nan if together is None else together.area,
        reached={} if together is None else together.reached,
    )


Found = Mapping[tuple[str, str], Sequence[Figures]]
"""By condition and reading: the figures of every seed."""


def table(found: Found) -> list[str]:
    """A row for every reading; the highest validation accuracy on top."""
    test = {title: _mean(found, title, "test") for title in READINGS}
    chosen = {title: mean(_mean(found, title, "validation")) for title in READINGS}
    gains = {title: [a - b for a, b in zip(test[title], test[DEFAULT], strict=True)] for title in READINGS}
    others = [title for title in READINGS if title != DEFAULT]
    adjusted = dict(zip(others, holm([permutation(gains[title]) for title in others]), strict=True))
    rows: list[dict[str, str]] = []
    for title in sorted(READINGS, key=lambda title: -chosen[title]):
        low, high = student_interval(gains[title])
        apart = "" if title == DEFAULT else f"{mean(gains[title]):+.1f} ({low:+.1f} to {high:+.1f})"
        row = {"reading": title, "validation, %": f"{chosen[title]:.1f}", "test, %": spread(test[title])}
        row |= {f"{condition}, test": spread([one.test for one in found[condition, title]]) for condition in CONDITIONS}
        both = [one for condition in CONDITIONS for one in found[condition, title]]
        row |= {f"epochs to 90 %, {m}": spread([one.reached.get(m, nan) for one in both]) for m in MODALITIES}
        row |= {"area between the curves": spread([one.area for one in both])}
        p = "" if title == DEFAULT else p_value(permutation(gains[title]))
        corrected = p_value(adjusted[title]) if title in adjusted else ""
        rows.append(row | {"over the default, points": apart, "p": p, "p, Holm": corrected})
    return markdown(rows)


CONDITIONS = ("lag", "dominance")
MODALITIES = ("audio", "visual")


def _mean(found: Found, title: str, figure: str) -> list[float]:
    """Mean of a figure over both conditions, seed by seed."""
    both = zip(*(found[condition, title] for condition in CONDITIONS), strict=True)
    return [mean(getattr(one, figure) for one in seed) for seed in both]


def main(settings: Settings) -> None:
    """Train, and write the table."""
    todo = list(trials(settings.seeds))
    results = side_by_side(run, todo, settings.out, settings.jobs)
    found: dict[tuple[str, str], list[Figures]] = {}
    for trial, figures in zip(todo, results, strict=True):
        found.setdefault((trial.study, trial.method), []).append(figures)
    settings.publish("readings of TAAF", table(found))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
