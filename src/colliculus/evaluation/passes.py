"""Passes over the data with subsets of the modalities, finished ones kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from colliculus.data.dataset import Split
from colliculus.evaluation.anytime import first_steps
from colliculus.evaluation.shapley import Subset, Values, shapley, subsets
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.files.cache import Cache
from colliculus.files.tables import csv_bytes
from colliculus.records.console import remark, steps


@dataclass(frozen=True, eq=False)
class Pass:
    """Result of one pass over n clips, as it is kept in a file.

    Args:
        predicted: (n,) predicted classes.
        probability: (n,) probability of the true class.
    """

    predicted: NDArray[np.int64]
    probability: NDArray[np.float64]


Passes = Mapping[Subset, Sequence[Pass]]
"""Passes of each subset when the model runs for its first 1, 2, ... T steps; the last alone where the rest is not
measured."""


def clip_shapley(passes: Passes, num_classes: int) -> dict[str, Values]:
    """Shapley values of every clip in the probability of its true class, (n,) per modality.

    Without any modality each of the K classes has the probability 1 / K.
    """
    values = {s: by_step[-1].probability for s, by_step in passes.items()}
    nothing = np.full_like(next(iter(values.values())), 1 / num_classes)
    return shapley({frozenset[str](): nothing, **values})


def measure_passes(run: TrainedRun, split: Split, cache: Cache) -> dict[Subset, list[Pass]]:
    """Passes of every subset; by step for each modality alone and all together, which take T passes."""
    modalities, total = run.model.modalities, run.time_steps
    planned = [
        (subset, t)
        for subset in subsets(modalities)
        for t in range(1 if len(subset) in (1, len(modalities)) else total, total + 1)
    ]
    names = ["+".join(m for m in modalities if m in s) + (f".{t}" if t < total else "") for s, t in planned]
    if changed := sorted({key for name in names for key in cache.changed(name)}):
        remark(f"an earlier measurement differs in {', '.join(changed)}: all is measured again")
    found: dict[Subset, list[Pass]] = {}
    for name, (subset, t) in steps(list(zip(names, planned, strict=True)), "contribution"):
        found.setdefault(subset, []).append(cache.get(name, Pass, partial(_measure, run, split, subset, t)))
    return found


def _measure(run: TrainedRun, split: Split, subset: Subset, t: int) -> Pass:
    """One pass with some of the modalities over the first t steps."""
    with first_steps(run.model, t, run.time_steps):
        found = run.classify(split, missing=tuple(m for m in run.model.modalities if m not in subset))
    return Pass(found.predicted, found.true_probability)


def clips_csv(passes: Passes, labels: NDArray[np.int64], num_classes: int) -> bytes:
    """A row per clip: prediction with all modalities, Shapley values, and probability of the true class by step."""
    values = clip_shapley(passes, num_classes)
    by_step = passes[max(passes, key=len)]
    numbers = np.stack([by_step[-1].probability, *values.values(), *(one.probability for one in by_step)], axis=1)
    shares, after = [f"shapley_{m}" for m in values], [f"probability_after_{t + 1}" for t in range(len(by_step))]
    rows = (
        [i, int(labels[i]), int(by_step[-1].predicted[i]), *(f"{x:.6f}" for x in row)]
        for i, row in enumerate(numbers.tolist())
    )
    return csv_bytes(["index", "label", "predicted", "probability", *shares, *after], rows)
