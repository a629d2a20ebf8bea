"""Accuracy under each planned corruption, finished points kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colliculus.data.dataset import Dataset, Split
from colliculus.evaluation.corruption.corrupter import Corrupter
from colliculus.evaluation.corruption.plan import Corruption, Plan
from colliculus.evaluation.inference import classify
from colliculus.evaluation.trained_run import TrainedRun, stored_part
from colliculus.files.cache import Cache
from colliculus.records.console import progress, remark

CLEAN = "clean"
"""Name of the point without a corruption."""


def measure_points(
    run: TrainedRun, dataset: Dataset, attack_steps: int, planned: Plan, about: Mapping[str, Any], folder: Path
) -> dict[Corruption | None, float]:
    """Accuracy under each corruption to measure now, and without one (None).

    Kinds that are not to be measured now are added where all of their points are kept.

    Args:
        run: trained run.
        dataset: data to measure on.
        attack_steps: steps of PGD.
        planned: corruptions.
        about: fields of the `RunRecord`; points of other data or of another model are measured again.
        folder: folder of the finished points, which are read.
    """
    split = stored_part(dataset, about["split"])
    points = Cache(folder, about)
    attacks = Cache(folder, {**about, "attack_steps": attack_steps})
    kept = {c: attacks if c.kind == "pgd" else points for c in planned.corruptions}
    corrupter = Corrupter(
        model=run.model,
        labels=split.labels,
        spec=run.run.spec,
        normalisation=dataset.normalisation,
        snr_db=about["snr_db"],
        attack_steps=attack_steps,
    )
    wanted: dict[Corruption | None, Cache] = {None: points} | {
        c: kept[c] for c, now in planned.corruptions.items() if now
    }
    if changed := sorted({key for c, pieces in wanted.items() for key in pieces.changed(_name(c))}):
        remark(f"an earlier measurement differs in {', '.join(changed)}: these points are measured again")
    measured: dict[Corruption | None, float] = {}
    with progress("robustness") as advance:
        for number, (corruption, pieces) in enumerate(wanted.items(), start=1):
            accuracy = pieces.find(_name(corruption))
            if accuracy is None:
                accuracy = _accuracy(run, split, corrupter, corruption)
                pieces.keep(_name(corruption), accuracy)
            measured[corruption] = accuracy
            advance(number, len(wanted))
    before = {c: pieces.find(c.name) for c, pieces in kept.items() if c not in wanted}
    incomplete = {c.kind for c, accuracy in before.items() if accuracy is None}
    measured |= {c: accuracy for c, accuracy in before.items() if accuracy is not None and c.kind not in incomplete}
    return {c: measured[c] for c in (None, *planned.corruptions) if c in measured}


def _name(corruption: Corruption | None) -> str:
    return CLEAN if corruption is None else corruption.name


def _accuracy(run: TrainedRun, split: Split, corrupter: Corrupter, corruption: Corruption | None) -> float:
    predictions = classify(
        run.model,
        split,
        batch_size=run.experiment.train.batch_size,
        corruption=corrupter(corruption),
        missing=() if corruption is None else corruption.absent,
    )
    return float(predictions.correct.mean())
