"""Seeded, class-stratified holding out of a part of the samples, by samples or by whole groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError


def stratified_holdout(
    labels: NDArray[np.generic],
    *,
    fraction: float,
    seed: int,
    groups: NDArray[np.generic] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out `fraction` of each class.

    Args:
        labels: (n,) classes, or any strata to keep in proportion.
        fraction: share to hold out, between 0 and 1. Without groups it is rounded within each class, at least one
            sample is held out and at least one kept; a class of one sample is kept.
        seed: decides which samples are held out.
        groups: (n,) speakers, recordings, ...: each group lies wholly on one side, and the shares of the classes are
            met as nearly as whole groups allow, at least one group being held out.

    Returns:
        Rows kept and rows held out, both ascending; together they are every row once, and every class is kept in part.

    Raises:
        ColliculusError: `fraction` is not between 0 and 1, or nothing can be held out without losing a class.

    Example:
        >>> kept, held = stratified_holdout(np.array([0, 0, 0, 0, 1, 1, 1, 1]), fraction=0.25, seed=0)
        >>> len(kept), len(held)
        (6, 2)
    """
    if not 0 < fraction < 1:
        raise ColliculusError(f"the share to hold out must lie between 0 and 1, and is {fraction}")
    rng = np.random.default_rng(seed)
    strata = np.unique(labels, return_inverse=True)[1].reshape(-1)
    held = _hold_samples(strata, fraction, rng) if groups is None else _hold_groups(strata, groups, fraction, rng)
    if not held.any() and groups is None:
        raise ColliculusError("nothing can be held out: at least one class must have two samples")
    if not held.any():
        raise ColliculusError(
            "no group can be held out, for each holds all samples of a class: spread the classes over more groups in"
            " `group.npy`, or give a folder `validation`"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def _hold_samples(strata: NDArray[np.int64], fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    held = np.zeros(len(strata), dtype=bool)
    for stratum in range(strata.max(initial=-1) + 1):
        rows = np.flatnonzero(strata == stratum)
        count = min(max(int(fraction * len(rows) + 0.5), 1), len(rows) - 1)
        held[rng.permutation(rows)[:count]] = True
    return held


def _hold_groups(
    strata: NDArray[np.int64], groups: NDArray[np.generic], fraction: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Greedy: groups in random order, largest first, are held out while that brings the class counts nearer the aim.

    Where every group is larger than the share, the smallest is the nearest to it. No class loses all its samples.
    """
    names, group = np.unique(groups, return_inverse=True)
    group = group.reshape(-1)
    counts = np.zeros((len(names), strata.max(initial=-1) + 1))
    np.add.at(counts, (group, strata), 1)
    total = counts.sum(axis=0)
    aim, taken = fraction * total, np.zeros_like(total)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    chosen: list[int] = []
    for candidate in order:
        after = taken + counts[candidate]
        nearer = np.square(after - aim).sum() < np.square(taken - aim).sum()
        if nearer and (after < total).all():
            chosen.append(int(candidate))
            taken = after
    if not chosen:
        chosen = [candidate for candidate in order[::-1].tolist() if (counts[candidate] < total).all()][:1]
    return np.isin(group, chosen)
