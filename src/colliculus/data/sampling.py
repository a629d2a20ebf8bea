"""Which samples of a training part an epoch has, and in which order: a pure function of (seed, epoch)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Sampling = Literal["each", "balanced"]
"""Every sample once, or as many of every class."""

_Rows = NDArray[np.int64]


def epoch_order(labels: _Rows, sampling: Sampling, *, seed: int, epoch: int) -> _Rows:
    """The rows of one epoch, in order; as many as there are samples.

    Args:
        labels: (n,) class indices.
        sampling: "each": every row once, in random order. "balanced": every class that occurs as often as the others
            (the classes that get one sample more are drawn); rows of a class come again only after all of them came.
        seed: decides the order, together with `epoch`.
        epoch: number of the epoch, from 0.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 0, 1])
        >>> order = epoch_order(labels, "balanced", seed=0, epoch=0)
        >>> np.bincount(labels[order]).tolist(), len(set(order[labels[order] == 0].tolist()))
        ([3, 3], 3)
    """
    random = np.random.default_rng([seed, epoch])
    if sampling == "each":
        return random.permutation(len(labels))
    classes = np.unique(labels)
    counts = np.full(len(classes), len(labels) // len(classes))
    counts[random.permutation(len(classes))[: len(labels) % len(classes)]] += 1
    drawn = [_repeated(np.flatnonzero(labels == k), n, random) for k, n in zip(classes, counts, strict=True)]
    return random.permutation(np.concatenate(drawn))


def _repeated(rows: _Rows, count: int, random: np.random.Generator) -> _Rows:
    """`count` of these rows: all of them in random order, again and again."""
    rounds = -(-count // len(rows))
    return np.concatenate([random.permutation(rows) for _ in range(rounds)])[:count] if rounds else rows[:0]
