"""Passes over the data with subsets of the modalities, finished ones kept in the run folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.data.dataset import Split
from colliculus.evaluation.anytime import first_steps
from colliculus.evaluation.inference import classify
from colliculus.evaluation.shapley import Subset, Values, shapley, subsets
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.files.cache import Cache
from colliculus.files.documents import from_plain, to_plain
from colliculus.records.console import progress, remark
from colliculus.runs.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Pass:
    """Result of one pass over n clips, as it is kept in a file.

    Args:
        predicted: (n,) predicted classes.
        probability: (n,) probability of the true class.
    """

    predicted: NDArray[np.int64]
    probability: NDArray[np.float64]

    @classmethod
    def of(cls, predictions: Predictions) -> Pass:
        """The part of predictions that contributions need."""
        return cls(predictions.predicted, predictions.true_probability)


Passes = Mapping[Subset, Sequence[Pass]]
"""Passes of each subset when the model runs for its first 1, 2, ... T steps; the last alone where the rest is not
measured."""


def clip_shapley(passes: Passes, num_classes: int) -> dict[str, Values]:
    """Shapley values of every clip in the probability of its true class, (n,) per modality.

    Args:
        passes: passes of every subset that is not empty; without any modality each class has the probability 1 / K.
        num_classes: K.
    """
    values = {s: by_step[-1].probability for s, by_step in passes.items()}
    nothing = np.full_like(next(iter(values.values())), 1 / num_classes)
    return shapley({frozenset[str](): nothing, **values})


def measure_passes(run: TrainedRun, split: Split, pieces: Cache) -> dict[Subset, list[Pass]]:
    """Passes of every subset; by step for each modality alone and all together, which take T passes.

    Args:
        run: trained run.
        split: clips.
        pieces: finished passes, which are read.
    """
    model, total = run.model, run.experiment.method.time_steps
    names = {s: "+".join(m for m in model.modalities if m in s) for s in subsets(model.modalities)}
    planned = {
        (s, t): name if t == total else f"{name}.{t}"
        for s, name in names.items()
        for t in range(1 if len(s) in (1, len(model.modalities)) else total, total + 1)
    }
    if changed := sorted({key for name in planned.values() for key in pieces.changed(name)}):
        remark(f"an earlier measurement differs in {', '.join(changed)}: all is measured again")
    found: dict[Subset, list[Pass]] = {s: [] for s in names}
    with progress("contribution") as advance:
        for number, ((subset, t), name) in enumerate(planned.items(), start=1):
            kept = pieces.find(name)
            if kept is None:
                missing = tuple(m for m in model.modalities if m not in subset)
                with first_steps(model, t, total):
                    predictions = classify(
                        model,
                        split,
                        batch_size=run.experiment.train.batch_size,
                        corruption=run.noise,
                        missing=missing,
                    )
                found[subset].append(Pass.of(predictions))
                pieces.keep(name, to_plain(found[subset][-1]))
            else:
                found[subset].append(from_plain(kept, Pass))
            advance(number, len(planned))
    return found


def clips_csv(passes: Passes, labels: NDArray[np.int64], num_classes: int) -> str:
    """A row per clip: prediction with all modalities, Shapley values, and probability of the true class by step."""
    values = clip_shapley(passes, num_classes)
    by_step = passes[max(passes, key=len)]
    numbers = np.stack([by_step[-1].probability, *values.values(), *(one.probability for one in by_step)], axis=1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    shares, after = [f"shapley_{m}" for m in values], [f"probability_after_{t + 1}" for t in range(len(by_step))]
    writer.writerow(["index", "label", "predicted", "probability", *shares, *after])
    for i, row in enumerate(numbers.tolist()):
        writer.writerow([i, int(labels[i]), int(by_step[-1].predicted[i]), *(f"{x:.6f}" for x in row)])
    return text.getvalue()
