"""Measurement of the exchange of a trained run; finished parts are kept in the run folder."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from colliculus.data.dataset import Split
from colliculus.evaluation.exchange.gradients import Pull, measure_pulls
from colliculus.evaluation.exchange.modules import Exchange, find_exchange, left_out, residual_sizes, shuffled, silenced
from colliculus.evaluation.exchange.pairings import measure_additivity
from colliculus.evaluation.exchange.record import Decisions, ExchangeEffect, Interventions
from colliculus.evaluation.inference import batches, inference_mode
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.files.cache import Cache


@dataclass(frozen=True, eq=False)
class Classified:
    """Predictions of one pass over n clips, as they are kept in a file.

    Args:
        predicted: (n,) classes.
        residual_size: as in `Interventions`; empty after an intervention.
    """

    predicted: NDArray[np.int64]
    residual_size: dict[str, float]


def measure_exchange(run: TrainedRun, part: Split, train: Split, clips: int, cache: Cache) -> ExchangeEffect | None:
    """The effect of the exchange on the decisions; None for a network of a single modality.

    Args:
        run: trained run.
        part: samples to classify.
        train: training part, for the gradients.
        clips: clips to pair, see `measure_additivity`; 0 leaves that out.
        cache: keeps finished parts.
    """
    if len(run.model.modalities) < 2:
        return None
    exchange = find_exchange(run.model)
    return ExchangeEffect(
        interventions=exchange and _interventions(run, part, train, exchange, cache),
        additivity=measure_additivity(run, part, clips, cache) if clips else None,
        left_out=left_out(run.model),
    )


def _interventions(run: TrainedRun, part: Split, train: Split, exchange: Exchange, cache: Cache) -> Interventions:
    def decisions(name: str, intervention: AbstractContextManager[None]) -> Decisions:
        found = cache.get(name, Classified, lambda: Classified(_classify(run, part, intervention), {})).predicted
        return Decisions(float((found == part.labels).mean()), int((found != trained.predicted).sum()))

    trained = cache.get("trained", Classified, partial(_as_trained, run, part, exchange))
    return Interventions(
        modules=exchange.names,
        total=len(part),
        accuracy=float((trained.predicted == part.labels).mean()),
        zeroed=decisions("zeroed", silenced(exchange)),
        shuffled=decisions("shuffled", shuffled(exchange)) if len(part) > 1 else None,
        residual_size=trained.residual_size,
        pulls=cache.get("pulls", dict[str, Pull], partial(measure_pulls, run, train, exchange)),
    )


def _as_trained(run: TrainedRun, part: Split, exchange: Exchange) -> Classified:
    with residual_sizes(exchange) as ratios:
        predicted = _classify(run, part)
    together = {m: torch.cat(parts) for m, parts in ratios.items()}
    return Classified(predicted, {m: ratio.mean().item() for m, ratio in together.items() if len(ratio)})


def _classify(
    run: TrainedRun, part: Split, intervention: AbstractContextManager[object] | None = None
) -> NDArray[np.int64]:
    """Predicted classes (n,) under the noise of the training.

    The batches hold clips in random order, always the same one, lest a clip receive from one of its own class where the
    clips are sorted by class.
    """
    predicted = np.zeros(len(part), dtype=np.int64)
    rows, size = np.random.default_rng(0).permutation(len(part)), batch_size(run.experiment.train.batch_size, len(part))
    with inference_mode(run.model), intervention or nullcontext():
        for chosen, batch in batches(part, rows, batch_size=size, device=run.device, corruption=run.noise):
            predicted[chosen] = run.model(batch.inputs).logits.argmax(1).cpu().numpy()
    return predicted


def batch_size(wanted: int, total: int) -> int:
    """The smallest batch size of at least `wanted` with which no batch is a single clip, if there is more than one.

    Example:
        >>> batch_size(8, total=16), batch_size(8, total=17), batch_size(1, total=3)
        (8, 9, 3)
    """
    return next((size for size in range(max(wanted, 2), total) if total % size != 1), max(wanted, total))
