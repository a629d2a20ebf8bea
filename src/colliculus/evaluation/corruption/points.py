"""Accuracy under each planned corruption, finished points kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from colliculus.data.dataset import Dataset, Split
from colliculus.evaluation.corruption.corrupter import Corrupter
from colliculus.evaluation.corruption.plan import Corruption, Plan
from colliculus.evaluation.trained_run import TrainedRun, stored_part
from colliculus.files.cache import Cache
from colliculus.records.console import remark, steps


def measure_points(
    run: TrainedRun, dataset: Dataset, attack_steps: int, planned: Plan, about: Mapping[str, Any], folder: Path
) -> dict[Corruption | None, float]:
    """Accuracy under each corruption to measure now, and without one (None).

    Kinds that are not to be measured now are added where all of their points are kept in `folder`. Points of other data
    or of another model, by the fields of the `RunRecord` in `about`, are measured again.
    """
    split = stored_part(dataset, about["split"], run)
    points, attacks = Cache(folder, about), Cache(folder, {**about, "attack_steps": attack_steps})
    caches = {c: attacks if c is not None and c.kind == "pgd" else points for c in (None, *planned.corruptions)}
    names = {c: "clean" if c is None else c.name for c in caches}
    corrupter = Corrupter(
        model=run.model,
        split=split,
        normalisation=dataset.normalisation,
        snr_db=about["snr_db"],
        snr_of=about.get("snr_of", Corrupter.snr_of),
        attack_steps=attack_steps,
    )
    wanted = [None, *planned.now]
    if changed := sorted({key for c in wanted for key in caches[c].changed(names[c])}):
        remark(f"an earlier measurement differs in {', '.join(changed)}: these points are measured again")
    measured: dict[Corruption | None, float] = {
        c: caches[c].get(names[c], float, partial(_accuracy, run, split, corrupter, c))
        for c in steps(wanted, "robustness")
    }
    before = {c: caches[c].find(names[c]) for c in planned.corruptions if c not in measured}
    incomplete = {c.kind for c, accuracy in before.items() if accuracy is None}
    measured |= {c: accuracy for c, accuracy in before.items() if accuracy is not None and c.kind not in incomplete}
    return {c: measured[c] for c in caches if c in measured}


def _accuracy(run: TrainedRun, split: Split, corrupter: Corrupter, corruption: Corruption | None) -> float:
    missing = () if corruption is None else corruption.absent
    return float(run.classify(split, corrupter(corruption), missing).correct.mean())
