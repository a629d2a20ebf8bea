"""Pairs of samples of the same class: which image goes with which sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError


def draw_pairs(labels: NDArray[np.int64], candidates: NDArray[np.int64], *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Draw a candidate of the same class for every label; none repeats before all of its class were drawn.

    Args:
        labels: (n,) classes to find partners for.
        candidates: (m,) classes of the candidates.
        seed: decides the draw, together with `epoch`.
        epoch: number of the epoch.

    Returns:
        (n,) positions in `candidates`.

    Raises:
        ColliculusError: a class has no candidate.

    Example:
        >>> draw_pairs(np.array([7, 3]), np.array([3, 7]), seed=0, epoch=0).tolist()
        [1, 0]
    """
    rng = np.random.default_rng([seed, epoch])
    drawn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        wanted, pool = np.flatnonzero(labels == label), np.flatnonzero(candidates == label)
        if not len(pool):
            raise ColliculusError(
                f"class {label} has samples of one modality and none of the other to pair them with: add some"
            )
        rounds = -(-len(wanted) // len(pool))
        drawn[wanted] = np.concatenate([rng.permutation(pool) for _ in range(rounds)])[: len(wanted)]
    return drawn
