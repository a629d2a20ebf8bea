"""Explanation of a trained run on example clips."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from colliculus.data.dataset import Dataset, DataSettings, Split
from colliculus.data.evenly import evenly
from colliculus.evaluation.explanation.clip import ExplainedClip, ImageStore, explain_clip
from colliculus.evaluation.explanation.decision import choose_examples
from colliculus.evaluation.explanation.embedding import LEAST_POINTS, pca, require_sklearn, tsne
from colliculus.evaluation.explanation.maps import fused_features
from colliculus.evaluation.explanation.record import Explanation, Features
from colliculus.evaluation.inference import batches
from colliculus.evaluation.time_weights import TimeWeights, measure_time_weights
from colliculus.evaluation.trained_run import Part, TrainedRun, open_run, stored_part
from colliculus.files.cache import Cache
from colliculus.records import console
from colliculus.types import Batch, ColliculusError


def explain(
    run: TrainedRun | Path | str,
    data: DataSettings | Dataset | None = None,
    *,
    split: Part = "test",
    clips: int = 6,
    index: Sequence[int] = (),
    points: int = 300,
    device: str = "auto",
) -> Explanation:
    """Explain a run on example clips: half of them its worst mistakes, the others correct.

    For each clip: the inputs, Grad-CAM and gradient maps and the attention over them, evidence, the probability of its
    class when the network runs for its first 1, 2, ... T steps (later ones are withheld), spike rasters, and the scores
    of the time steps where there are any (TAAF). For many clips: the joint feature in the plane, by principal
    components and t-SNE (scikit-learn).

    Measured under the noise of the training if there was any, and written into RUN/explain: `explain.json` and the
    images that it names. Finished parts are kept there, so that an interruption costs at most one clip.

    Args:
        run: trained run or its folder.
        data: settings of the data or loaded data; None takes the run's own.
        split: part of the data.
        clips: number of example clips.
        index: explain these clips instead, by their row in the part, from 0.
        points: clips in the plane, at most; evenly over the part.
        device: as in `open_run`.

    Raises:
        ColliculusError: a number is below 1, a clip does not exist, the model cannot take the data, or scikit-learn is
            not installed.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> found = explain(run, clips=2)
        >>> [len(clip.step_probabilities) for clip in found.clips], len(found.features.pca)
        ([4, 4], 6)
    """
    require_sklearn()
    run = open_run(run, device, precision="fp32")
    dataset = run.load(data)
    part = stored_part(dataset, split, run)
    if clips < 1 or points < 1:
        raise ColliculusError(f"clips is {clips} and points is {points}: give at least 1")
    if absent := [i for i in index if not 0 <= i < len(part)]:
        raise ColliculusError(f"clip {absent[0]} does not exist: the {split} part has clips 0 to {len(part) - 1}")
    path = run.folder / Explanation.FILE
    subject: dict[str, Any] = run.about(dataset, split) | {"time_steps": run.time_steps}
    cache = Cache(path.with_name("cache"), subject)
    store = ImageStore(path.parent, subject)
    chosen = index or cache.get(f"choice-{clips}", tuple[int, ...], partial(_choose, run, part, clips))

    def clip(i: int) -> ExplainedClip:
        """An explained clip, with all of its images."""
        make = partial(explain_clip, run, part, i, store)
        return cache.get(f"clip-{i}", ExplainedClip, make, lambda kept: store.holds(kept.images))

    found = Explanation(
        **subject,
        clips=tuple(map(clip, console.steps(chosen, "clips"))),
        time_weights=cache.get(
            f"time-weights-{points}",
            dict[str, TimeWeights],
            lambda: measure_time_weights(run.model, _batches(run, part, points)),
        ),
        features=cache.get(f"features-{points}", Features, partial(_features, run, part, points)),
    )
    found.save(path)
    store.remove_others()
    return found


def _choose(run: TrainedRun, part: Split, count: int) -> tuple[int, ...]:
    found = run.classify(part)
    return tuple(choose_examples(found.predicted, found.labels, found.true_probability, count))


def _batches(run: TrainedRun, part: Split, points: int) -> list[Batch]:
    """Clips evenly over a part, in batches."""
    size, rows = run.experiment.train.batch_size, evenly(points, len(part))
    return [batch for _, batch in batches(part, rows, batch_size=size, device=run.device, corruption=run.noise)]


def _features(run: TrainedRun, part: Split, points: int) -> Features:
    """The joint feature of some clips in the plane."""
    chosen = _batches(run, part, points)
    features = torch.cat([fused_features(run.model, batch.inputs) for batch in chosen]).double().cpu().numpy()
    components, share = pca(features)
    neighbours = tsne(features) if len(features) >= LEAST_POINTS else np.zeros((0, 2))
    return Features(
        index=tuple(evenly(points, len(part)).tolist()),
        label=tuple(int(k) for batch in chosen for k in batch.labels),
        pca=tuple((x, y) for x, y in components.round(5).tolist()),
        pca_share=(float(share[0]), float(share[1])),
        tsne=tuple((x, y) for x, y in neighbours.round(4).tolist()),
    )
