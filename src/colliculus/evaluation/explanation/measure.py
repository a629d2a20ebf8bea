"""Explanation of a trained run on example clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from colliculus.data.dataset import DataSettings, Split
from colliculus.data.evenly import evenly
from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.analysis import about, batch_of
from colliculus.evaluation.answers import measure_answers
from colliculus.evaluation.explanation.clip import ExplainedClip, explain_clip
from colliculus.evaluation.explanation.decision import choose_examples
from colliculus.evaluation.explanation.embedding import LEAST_POINTS, pca, require_sklearn, tsne
from colliculus.evaluation.explanation.image_store import ImageStore
from colliculus.evaluation.explanation.rasters import fused_features
from colliculus.evaluation.explanation.record import Explanation, Features
from colliculus.evaluation.time_weights import TimeWeights, measure_time_weights
from colliculus.evaluation.trained_run import Part, TrainedRun, open_run, stored_part
from colliculus.files.cache import Pieces
from colliculus.files.documents import from_plain, to_plain
from colliculus.records import console
from colliculus.types import Batch, ColliculusError

FOLDER, RECORD_FILE, CACHE = "explain", "explain.json", "cache"

PieceT = TypeVar("PieceT")


def explain(
    run: TrainedRun | Path | str,
    *,
    data: DataSettings | None = None,
    split: Part = "test",
    clips: int = 6,
    index: Sequence[int] = (),
    points: int = 300,
) -> Explanation:
    """Explain a run on example clips: half of them its worst mistakes, the others correct.

    For each clip: the inputs, Grad-CAM and gradient maps and the attention over them, evidence, the probability of its
    class when the network runs for its first 1, 2, ... T steps (later ones are withheld), spike rasters, and the scores
    of the time steps where there are any (TAAF). For many clips: the joint feature in the plane, by principal
    components and t-SNE (scikit-learn).

    Measured under the noise of the training if there was any, and written into RUN/explain: `explain.json` and the
    images that it names. Finished parts are kept there, so that an interruption costs at most one clip.

    Args:
        run: trained run, or its folder.
        data: data to explain on; None: those of the training.
        split: part of the data.
        clips: number of example clips.
        index: explain these clips instead, by their row in the part, from 0.
        points: clips in the plane, at most; evenly over the part.

    Raises:
        ColliculusError: a number is below 1, a clip does not exist, the model cannot take the data, or scikit-learn is
            not installed.
    """
    require_sklearn()
    run = open_run(run)
    dataset = run.data if data is None else run.load(data)
    part = stored_part(dataset, split)
    if clips < 1 or points < 1:
        raise ColliculusError(f"clips is {clips} and points is {points}: give at least 1")
    if absent := [i for i in index if not 0 <= i < len(part)]:
        raise ColliculusError(f"clip {absent[0]} does not exist: the {split} part has clips 0 to {len(part) - 1}")
    folder = run.folder / FOLDER
    subject = about(run, dataset.fingerprint, split) | {"time_steps": run.experiment.method.time_steps}
    kept = _Kept(Pieces(folder / CACHE, subject))
    store = ImageStore.about(folder, subject)
    chosen = index or kept.get(f"choice-{clips}", tuple[int, ...], lambda: _choose(run, part, clips))
    found = Explanation(
        **subject,
        clips=tuple(_clip(run, part, i, store, kept) for i in console.steps(chosen, "clips")),
        time_weights=kept.get(
            f"time-weights-{points}",
            dict[str, TimeWeights],
            lambda: measure_time_weights(run.model, _batches(run, part, points)),
        ),
        features=kept.get(f"features-{points}", Features, lambda: _features(run, part, points)),
    )
    found.save(folder / RECORD_FILE)
    store.remove_others()
    return found


@dataclass(frozen=True)
class _Kept:
    """Finished parts in a cache, as dataclasses."""

    cache: Pieces

    def find(self, name: str, kind: type[PieceT]) -> PieceT | None:
        """The part of that name; None where it is not kept."""
        plain = self.cache.find(name)
        return None if plain is None else from_plain(plain, kind)

    def renew(self, name: str, kind: type[PieceT], made: PieceT) -> PieceT:
        """Keep a part, and return it as it will be found."""
        self.cache.keep(name, to_plain(made))
        return from_plain(self.cache.find(name), kind)

    def get(self, name: str, kind: type[PieceT], make: Callable[[], PieceT]) -> PieceT:
        """The part of that name; made and kept where it is absent."""
        found = self.find(name, kind)
        return self.renew(name, kind, make()) if found is None else found


def _clip(run: TrainedRun, part: Split, index: int, store: ImageStore, kept: _Kept) -> ExplainedClip:
    """A kept clip, explained again where one of its images is gone."""
    name = f"clip-{index}"
    found = kept.find(name, ExplainedClip)
    if found is not None and store.holds(image.file for image in found.images):
        return found
    return kept.renew(name, ExplainedClip, explain_clip(run, part, index, store))


def _choose(run: TrainedRun, part: Split, count: int) -> tuple[int, ...]:
    answers = measure_answers(
        run.model,
        part,
        frozenset(run.model.modalities),
        batch_size=run.experiment.train.batch_size,
        corruption=GaussianNoise(run.experiment.train.snr_db),
    )
    return tuple(choose_examples(answers.predicted, part.labels, answers.probability, count))


def _batches(run: TrainedRun, part: Split, points: int) -> list[Batch]:
    """Clips evenly over a part, in batches."""
    rows, size = evenly(points, len(part)), run.experiment.train.batch_size
    return [batch_of(run, part, rows[start : start + size]) for start in range(0, len(rows), size)]


def _features(run: TrainedRun, part: Split, points: int) -> Features:
    """The joint feature of some clips in the plane."""
    batches = _batches(run, part, points)
    features = torch.cat([fused_features(run.model, batch.inputs) for batch in batches]).double().cpu().numpy()
    components, share = pca(features)
    neighbours = tsne(features) if len(features) >= LEAST_POINTS else np.zeros((0, 2))
    return Features(
        index=tuple(evenly(points, len(part)).tolist()),
        label=tuple(int(k) for batch in batches for k in batch.labels),
        pca=tuple(map(tuple, components.round(5).tolist())),
        pca_share=tuple(share.tolist()),
        tsne=tuple(map(tuple, neighbours.round(4).tolist())),
    )
