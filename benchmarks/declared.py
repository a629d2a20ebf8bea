"""One comparison, declared before its trainings: methods that exchange between modalities against a sum, ten seeds.

    python benchmarks/declared.py --data-root FOLDER --utd-root FOLDER

The plan, written before any of it was run, but for what the last point says of "same":

- Methods, each at the settings of its preset (one budget: epochs, batch, optimiser, width): late fusion, weighted
  attention, S-CMRL, TAAF (our reading), Tectum, CMQKA; and the ANN counterpart of late fusion (ReLU, T = 1). One
  setting differs: CMQKA exchanges once, behind the encoder of the others. With its own hierarchical encoder an epoch
  takes six times the processor time of S-CMRL or more, which is another budget.
- Conditions, each a comparison of its own: AV-Digits with white noise of -10 dB on the standardised inputs of both
  modalities ("noise"); AV-Digits bound, in which only both modalities together decide, as the same or another digit
  ("same") and as the sum modulo 10 ("sum"); and UTD-MHAD, people apart, where its prepared folder is given ("utd").
- Ten seeds, which decide initial weights and order. On AV-Digits the epoch is chosen on validation; on UTD-MHAD, whose
  validation part is one person, it is the last one. It is tested once.
- Primary, in each condition: of the five methods with an exchange, the one with the highest mean **validation**
  accuracy against late fusion; test accuracy, paired by seed and clip; the larger of the p-values over seeds and over
  clips; level 0.05. It is one test a condition, with Holm over the conditions.
- Secondary: every method against late fusion, p-values by Holm within a condition. Nothing else is claimed.
- AV-Digits under noise was in view when Tectum was made, UTD-MHAD when its neuron was, and on "same" Tectum had been
  compared at another recipe: there its figures are post hoc. On "sum" they are not.

It trains what is not trained (resumes what was cut off) and prints the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro
from study import Study, markdown, result, validation

from colliculus.evaluation.evaluate import predictions_of
from colliculus.evaluation.paired import PairedTest, Score, Trainings, paired_test, paired_tests
from colliculus.evaluation.significance import holm
from colliculus.evaluation.verdict import p_value
from colliculus.sweeps.plan import Variant

BASELINE, COUNTERPART = "late-fusion", "late fusion, ReLU"
EXCHANGES = {
    "weighted-attention": "weighted attention",
    "s-cmrl": "S-CMRL",
    "taaf": "TAAF (our reading)",
    "tectum": "Tectum",
    "cmqka": "CMQKA",
}
TITLES = {BASELINE: "late fusion", **EXCHANGES, COUNTERPART: COUNTERPART}
CONDITIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "noise": ("av-digits", {"train.snr_db": {"audio": -10.0, "visual": -10.0}}),
    "same": ("av-digits", {"data.task": "same"}),
    "sum": ("av-digits", {"data.task": "sum"}),
    "utd": ("utd-mhad", {}),
}
"""Second part of the names of the presets, and changed settings."""
RELU = {"method.neuron.kind": "relu", "method.time_steps": 1}
OTHERWISE: Mapping[str, Mapping[str, Any]] = {"cmqka": {"method.encoder": "deep", "method.stages": "last"}}
"""Settings in which a method differs from its preset in every condition."""
Runs = Mapping[str, Sequence[Path]]
"""Run folders by method."""


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train, test and compare."""

    out: Path = Path("runs/declared")
    """Folder of the runs."""
    utd_root: Path | None = None
    """Folder of prepared UTD-MHAD; None: this condition is left out."""
    seeds: int = 10
    """Trainings of each method and condition."""


def planned(settings: Settings) -> dict[str, list[Variant]]:
    """Every variant of every condition whose data are there."""
    found: dict[str, list[Variant]] = {}
    for condition, (data, changes) in CONDITIONS.items():
        root = settings.utd_root if data == "utd-mhad" else settings.data_root
        if data == "utd-mhad" and root is None:
            continue
        study = replace(settings, data_root=root)
        chosen = {method: (method, {**changes, **OTHERWISE.get(method, {})}) for method in (BASELINE, *EXCHANGES)}
        chosen[COUNTERPART] = (BASELINE, {**changes, **RELU})
        found[condition] = [study.variant(t, f"{method}-{data}", changed) for t, (method, changed) in chosen.items()]
    return found


def correctness(folders: Sequence[Path]) -> Trainings:
    """Correctness of each training, by its seed."""
    return {("", result(folder).seed): predictions_of(folder, device="cpu").correct for folder in folders}


def primary(runs: Runs, correct: Mapping[str, Trainings]) -> PairedTest:
    """The test of the exchange that is best on validation against late fusion; no other test is simultaneous."""
    best = max(EXCHANGES, key=lambda method: validation(runs[method]))
    return paired_test(best, BASELINE, correct)


def table(runs: Runs, correct: Mapping[str, Trainings]) -> list[str]:
    """A row for each method: accuracy with its interval, and the difference to late fusion."""
    tests = {test.first: test for test in paired_tests(correct, BASELINE)}
    rows: list[dict[str, str]] = []
    for method, trainings in correct.items():
        score = Score.of(trainings)
        low, high = score.interval
        row = {
            "method": TITLES[method],
            "test accuracy, %": f"{100 * score.accuracy:.1f} ({100 * low:.1f} to {100 * high:.1f})",
            "validation, %": f"{100 * validation(runs[method]):.1f}",
        }
        rows.append(row | _tested(tests.get(method)))
    return markdown(rows)


def _tested(test: PairedTest | None) -> dict[str, str]:
    """Difference to late fusion in points, its interval over seeds, and the p-value."""
    if test is None or test.seed_interval is None or test.p is None:
        return {"over late fusion, points": "", "p, Holm": ""}
    low, high = test.seed_interval
    points = f"{100 * test.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
    return {"over late fusion, points": points, "p, Holm": p_value(test.p)}


def primary_table(tests: Mapping[str, PairedTest]) -> list[str]:
    """The declared test of each condition, with Holm over the conditions."""
    p_values = [1.0 if test.p is None else test.p for test in tests.values()]
    return markdown(
        [
            {"condition": condition, "best exchange on validation": TITLES[test.first], **_tested(replace(test, p=p))}
            for (condition, test), p in zip(tests.items(), holm(p_values), strict=True)
        ]
    )


def main(settings: Settings) -> None:
    """Train what is not trained, compare, and write the tables."""
    tests: dict[str, PairedTest] = {}
    for condition, chosen in planned(settings).items():
        trained = replace(settings, out=settings.out / condition).train(chosen)
        runs = dict(zip(TITLES, (trained[variant.name] for variant in chosen), strict=True))
        correct = {method: correctness(folders) for method, folders in runs.items()}
        tests[condition] = primary(runs, correct)
        settings.publish(f"declared, {condition}", table(runs, correct))
    settings.publish("declared", primary_table(tests))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
