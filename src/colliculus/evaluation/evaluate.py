"""A model's figures on one split, on any number of ranks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from colliculus.data.dataset import Split
from colliculus.evaluation.metrics import Metrics, confusion_matrix
from colliculus.model import MultimodalSNN
from colliculus.modulation.scores import modality_correct
from colliculus.runs.predictions import Predictions
from colliculus.types import Collective, ColliculusError, Output, unknown_name

Corruption = Callable[[dict[str, Tensor], NDArray[np.int64]], dict[str, Tensor]]
"""Spoils the inputs of a batch, given the rows of its samples in their split, (B,)."""


@dataclass(frozen=True)
class Evaluation:
    """The figures of a split, and the answer to each of its clips."""

    metrics: Metrics
    predictions: Predictions


def evaluate(
    model: MultimodalSNN,
    split: Split,
    *,
    batch_size: int,
    collective: Collective,
    device: torch.device,
    corruption: Corruption | None = None,
    missing: tuple[str, ...] = (),
) -> Metrics:
    """Classify every sample of `split` exactly once; the ranks share the samples and all return the same figures.

    Args:
        model: on `device`; classifies in eval mode and is handed back in the mode it came in.
        split: the samples.
        batch_size: samples of one forward on each rank.
        collective: the ranks.
        device: where the batches go.
        corruption: what spoils the inputs; None leaves them as they are.
        missing: modalities to withhold from the model.

    Raises:
        ColliculusError: `missing` names an unknown modality or all of them, the split is empty, or the model answers
            with numbers that are not finite.
    """
    return evaluate_clips(
        model,
        split,
        batch_size=batch_size,
        collective=collective,
        device=device,
        corruption=corruption,
        missing=missing,
    ).metrics


def evaluate_clips(
    model: MultimodalSNN,
    split: Split,
    *,
    batch_size: int,
    collective: Collective,
    device: torch.device,
    corruption: Corruption | None,
    missing: tuple[str, ...],
) -> Evaluation:
    """The same with the answer to each clip; arguments and errors are those of `evaluate`."""
    _check_missing(missing, model.modalities)
    spec = model.spec
    counts = np.zeros((spec.num_classes, spec.num_classes), dtype=np.int64)
    alone = torch.zeros((len(model.modalities), 2), dtype=torch.int64, device=device)  # right, answered
    predicted = torch.zeros(len(split), dtype=torch.int64, device=device)  # each rank fills its rows, the rest is 0
    probabilities = torch.zeros((len(split), spec.num_classes), device=device)
    with eval_mode(model), torch.no_grad(), same_draws(device):
        for rows in _shard(len(split), batch_size, collective):
            batch = split.batch(rows, epoch=0).to(device)
            inputs = batch.inputs if corruption is None else corruption(batch.inputs, rows)
            output = model({m: x for m, x in inputs.items() if m not in missing})
            alone += _right_alone(output, batch.labels, model.modalities)
            logits, places = output.logits.float(), torch.from_numpy(rows).to(device)
            probabilities[places], predicted[places] = logits.softmax(dim=1), logits.argmax(dim=1)
            answered = logits.isfinite().all(dim=1)
            labels, predictions = batch.labels[answered], predicted[places][answered]
            counts += confusion_matrix(labels.cpu().numpy(), predictions.cpu().numpy(), spec.num_classes)
    total = collective.sum(torch.from_numpy(counts).to(device))
    if total.sum() < len(split):  # found on all ranks, or rank 0 would wait for one that has left, and say nothing
        raise ColliculusError(
            "the model answers with numbers that are not finite, its training diverged: lower the learning rate or "
            "set a clip_norm"
        )
    found = Metrics.from_confusion(total.cpu().numpy(), spec.names)
    shares = zip(model.modalities, collective.sum(alone).tolist(), strict=True)
    found = replace(found, modality_accuracy={m: right / answers for m, (right, answers) in shares if answers})
    chosen, certainty = collective.sum(predicted).cpu().numpy(), collective.sum(probabilities).cpu().numpy()
    return Evaluation(found, Predictions(split.labels.astype(np.int64), chosen, certainty, spec.names))


def _right_alone(output: Output, labels: Tensor, modalities: tuple[str, ...]) -> Tensor:
    """Samples each modality alone has right, and those it answered: (M, 2), zeros where it does not answer."""
    right = modality_correct(output, labels)
    nothing = labels.new_zeros(2)
    return torch.stack(
        [torch.stack([right[m].sum(), labels.new_tensor(len(labels))]) if m in right else nothing for m in modalities]
    )


def _shard(num_samples: int, batch_size: int, collective: Collective) -> Iterator[NDArray[np.int64]]:
    """Rows of this rank, cut into batches: every row falls to exactly one rank."""
    rows = np.arange(num_samples, dtype=np.int64)[collective.rank :: collective.world_size]
    for start in range(0, len(rows), batch_size):
        yield rows[start : start + batch_size]


@contextmanager
def same_draws(device: torch.device) -> Generator[None]:
    """Let a model that draws at random in evaluation (SCA of the reference) draw the same each time, on every rank."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        yield


@contextmanager
def eval_mode(model: nn.Module) -> Generator[None]:
    """Put `model` in eval mode, and afterwards back in the mode it came in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _check_missing(missing: tuple[str, ...], modalities: tuple[str, ...]) -> None:
    if unknown := [m for m in missing if m not in modalities]:
        raise unknown_name("modality", unknown[0], modalities)
    if set(missing) == set(modalities):
        raise ColliculusError(
            f"all modalities ({', '.join(modalities)}) would be missing: leave the model at least one"
        )
