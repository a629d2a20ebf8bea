"""Decisions explained: evidence of each modality, and the prediction after the first time steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.types import Output

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Decision:
    """The decision on one sample.

    Args:
        predicted: name of the most probable class.
        probability: its probability.
        probabilities: of every class, in order.
        evidence: of each modality for the predicted class: its part of that class's logit less the mean of its parts
            over all classes (which changes no decision), averaged over time. Positive speaks for the class.
        step_probabilities: probability of the predicted class when the model runs for its first 1, 2, ... T steps and
            later ones are withheld.
    """

    predicted: str
    probability: float
    probabilities: dict[str, float]
    evidence: dict[str, float]
    step_probabilities: tuple[float, ...]


def decisions(by_step: Sequence[Output], names: Sequence[str]) -> list[Decision]:
    """Explain the decision on each sample of a batch: the last of its outputs after the first 1, 2, ... T steps.

    Example:
        >>> import torch
        >>> steps = torch.tensor([[[0.0, 0.0]], [[4.0, 0.0]]])  # T = 2, B = 1, K = 2
        >>> by_step = [Output(logits=x.mean(0), step_logits=x, evidence={"audio": x}) for x in (steps[:1], steps)]
        >>> found = decisions(by_step, ["cat", "dog"])[0]
        >>> found.predicted, found.evidence, [round(p, 3) for p in found.step_probabilities]
        ('cat', {'audio': 1.0}, [0.5, 0.881])
    """
    after = np.stack([one.logits.float().cpu().numpy() for one in by_step])
    evidence = {m: part.mean(0).float().cpu().numpy() for m, part in by_step[-1].evidence.items()}
    return explained(after, evidence, names)


def explained(logits_by_step: Floats, evidence: Mapping[str, Floats], names: Sequence[str]) -> list[Decision]:
    """Explain the decision on each sample of a batch.

    Args:
        logits_by_step: logits when the network runs for its first 1, 2, ... T steps, (T, B, K).
        evidence: part of each modality in the last logits, (B, K).
        names: K class names.

    Example:
        >>> logits = np.array([[[0.0, 0.0]], [[2.0, 0.0]]], dtype=np.float32)
        >>> [round(p, 3) for p in explained(logits, {}, ["cat", "dog"])[0].step_probabilities]
        [0.5, 0.881]
    """
    after = softmax(logits_by_step)
    centred = {m: part - part.mean(axis=1, keepdims=True) for m, part in evidence.items()}
    chosen: list[int] = logits_by_step[-1].argmax(axis=1).tolist()
    return [
        Decision(
            predicted=names[k],
            probability=after[-1, b, k].item(),
            probabilities=dict(zip(names, after[-1, b].tolist(), strict=True)),
            evidence={m: part[b, k].item() for m, part in centred.items()},
            step_probabilities=tuple(after[:, b, k].tolist()),
        )
        for b, k in enumerate(chosen)
    ]


def softmax(logits: Floats) -> Floats:
    """Probabilities (..., K)."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def choose_examples(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], probability: NDArray[np.float64], count: int
) -> list[int]:
    """Example clips: half of them the worst mistakes, the others correct ones of as many classes as possible.

    Args:
        predicted: (n,) classes.
        labels: (n,) true classes.
        probability: (n,) of the true class.
        count: clips to choose; all where there are fewer. Correct clips take the place of missing mistakes, and the
            other way round.

    Returns:
        Rows: the mistakes by rising probability of the true class, then the correct ones by class.

    Example:
        >>> choose_examples(np.array([0, 1, 0]), np.array([0, 0, 1]), np.array([0.9, 0.4, 0.1]), 2)
        [2, 0]
    """
    by_probability = np.argsort(probability, kind="stable")
    wrong = [int(i) for i in by_probability if predicted[i] != labels[i]]
    correct = [int(i) for i in by_probability[::-1] if predicted[i] == labels[i]]
    taken = dict.fromkeys(labels.tolist(), 0)
    turns: list[tuple[int, int]] = []
    for i in correct:  # the most probable clip of every class, then the second of every class, and so on
        turns.append((taken[int(labels[i])], i))
        taken[int(labels[i])] += 1
    correct = [i for _, i in sorted(turns, key=lambda turn: turn[0])]
    num_correct = min(len(correct), max(count - count // 2, count - len(wrong)))
    return wrong[: count - num_correct] + sorted(correct[:num_correct], key=lambda i: int(labels[i]))
