"""Seeded, stratified division of samples, one by one or by whole groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError

_STARTS = 2_000  # times groups: 100 groups are packed in 21 orders, and the best result is used
_PARTNERS = 500_000  # times groups: with more than 700 groups, each tries to swap with only some of the others
_PASSES = 20


def stratified_holdout(
    labels: NDArray[np.generic],
    *,
    fraction: float,
    seed: int,
    groups: NDArray[np.generic] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out `fraction` of each class.

    Args:
        labels: (n,) classes, or other strata to keep in proportion.
        fraction: share to hold out, between 0 and 1. Without groups it is rounded within each class: at least one
            sample is held out and at least one is kept; a class of one sample is kept.
        seed: seed of the choice.
        groups: (n,) speakers, recordings, ...: each group lies on one side, and the shares of the classes are as exact
            as whole groups allow. Some of every class is held out if its groups allow it.

    Returns:
        Rows kept and rows held out, both ascending. Each row is in one of them, and every class is kept in part.

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
        raise ColliculusError("nothing can be held out: at least one class needs two samples")
    if not held.any():
        raise ColliculusError(
            "no group can be held out, because each holds all samples of a class: spread the classes over more groups"
            " in `group.npy`, or add a folder `validation`"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def held_out(
    labels: NDArray[np.generic],
    *,
    fraction: float,
    seed: int,
    groups: NDArray[np.generic] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `stratified_holdout`; with a `fraction` of 0 nothing is held out.

    Example:
        >>> [rows.tolist() for rows in held_out(np.array([0, 1]), fraction=0.0, seed=0)]
        [[0, 1], []]
    """
    if fraction == 0:
        return np.arange(len(labels)), np.arange(0)
    return stratified_holdout(labels, fraction=fraction, seed=seed, groups=groups)


def stratified_folds(
    strata: NDArray[np.generic], *, folds: int, seed: int, groups: NDArray[np.generic] | None = None
) -> NDArray[np.int64]:
    """Fold of each sample, 0 to folds - 1, for cross-validation.

    Raises:
        ColliculusError: there are fewer than two folds, or fewer samples or groups than folds.

    Example:
        >>> fold = stratified_folds(np.array([0, 0, 1, 1, 0, 1]), folds=3, seed=0)
        >>> np.bincount(fold).tolist()
        [2, 2, 2]
    """
    if folds < 2:
        raise ColliculusError(f"there are {folds} folds: use at least 2")
    return stratified_parts(strata, shares=[1 / folds] * folds, seed=seed, groups=groups)


def stratified_parts(
    strata: NDArray[np.generic], *, shares: Sequence[float], seed: int, groups: NDArray[np.generic] | None = None
) -> NDArray[np.int64]:
    """Part of each of the samples (n,), for parts of given shares; no part is empty.

    Args:
        strata: (n,) classes, or other strata to keep in the same proportion in all parts.
        shares: share of all samples for each part.
        seed: seed of the assignment.
        groups: (n,) speakers, recordings, ...: each lies in one part, and sizes and proportions are as exact as whole
            groups allow.

    Raises:
        ColliculusError: the shares are not positive or do not sum to 1, or there are fewer samples or groups than
            parts.
    """
    if min(shares) <= 0 or not np.isclose(sum(shares), 1):
        raise ColliculusError(f"the shares {', '.join(f'{share:g}' for share in shares)} must be positive and sum to 1")
    number = len(strata) if groups is None else len(np.unique(groups))
    if number < len(shares):
        kind = "sample" if groups is None else "group"
        raise ColliculusError(f"{number} {kind}(s) cannot fill {len(shares)} parts: ask for fewer parts or add {kind}s")
    rng = np.random.default_rng(seed)
    stratum = np.unique(strata, return_inverse=True)[1].reshape(-1)
    if groups is None:
        return _deal(stratum, shares, rng)
    group, counts = _group_counts(stratum, groups)
    return _pack(counts, shares, rng)[group]


def _deal(strata: NDArray[np.int64], shares: Sequence[float], rng: np.random.Generator) -> NDArray[np.int64]:
    """Give each sample, stratum by stratum, to the part that lacks most; no stratum is more than two samples off."""
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    dealt = [0] * len(shares)
    part = np.empty(len(strata), dtype=np.int64)
    for turn, row in enumerate(order.tolist(), 1):
        lacking = [share * turn - count for share, count in zip(shares, dealt, strict=True)]
        chosen = lacking.index(max(lacking))
        part[row] = chosen
        dealt[chosen] += 1
    return part


def _pack(counts: NDArray[np.float64], shares: Sequence[float], rng: np.random.Generator) -> NDArray[np.int64]:
    """Part of each group: groups are placed one by one, then move or swap while that lowers the cost.

    The largest groups are placed first; with few groups other orders are tried too, and the best result is used. The
    cost is the sum over parts and strata of (count - aim)^2 / total, so that rare and common classes weigh the same;
    all samples form one more stratum, so that the sizes of the parts are kept too. `counts` is (groups, strata).
    """
    counts = np.column_stack([counts, counts.sum(axis=1)])
    orders = [
        _largest_first(counts, rng),
        *(rng.permutation(len(counts)) for _ in range(min(20, _STARTS // len(counts)))),
    ]
    starts = [_packed(counts, shares, order, rng) for order in orders]
    return min(starts, key=lambda start: start[1])[0]


def _packed(
    counts: NDArray[np.float64], shares: Sequence[float], order: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], float]:
    """Assignment that results from one order, and its cost."""
    total = counts.sum(axis=0)
    off = -np.outer(shares, total)  # difference of each part from its aim in each stratum
    part = np.empty(len(counts), dtype=np.int64)
    members = np.zeros(len(shares), dtype=np.int64)
    for left, group in zip(range(len(counts), 0, -1), order, strict=True):
        costs = (2 * off + counts[group]) @ (counts[group] / total)
        if left <= np.count_nonzero(members == 0):  # the last groups fill empty parts
            costs[members > 0] = np.inf
        part[group] = costs.argmin()
        off[part[group]] += counts[group]
        members[part[group]] += 1
    for _ in range(_PASSES):
        if not _improve(part, off, counts, rng):
            break
    return part, float((np.square(off) / total).sum())


def _improve(
    part: NDArray[np.int64], off: NDArray[np.float64], counts: NDArray[np.float64], rng: np.random.Generator
) -> bool:
    """Swap each group with a group of another part, or move it there, if that lowers the cost; take the best.

    `part` and `off` are changed in place. Returns True if anything changed.
    """
    partners = rng.permutation(len(counts))[: _PARTNERS // len(counts)]
    others = np.concatenate([counts[partners], np.zeros_like(off)])  # zeros at the end: a move without a swap
    weights = 1 / counts.sum(axis=0)
    changed = False
    for group in rng.permutation(len(counts)):
        here, there = part[group], np.concatenate([part[partners], np.arange(len(off))])
        change = counts[group] - others
        rise = ((off[there] - off[here] + change) * change) @ weights  # half the change of the cost
        rise[there == here] = 0
        if np.count_nonzero(part == here) == 1:
            rise[len(partners) :] = 0  # no part becomes empty
        best = rise.argmin()
        if rise[best] < -1e-9:
            off[here] -= change[best]
            off[there[best]] += change[best]
            part[group] = there[best]
            part[partners[best : best + 1]] = here
            changed = True
    return changed


def _group_counts(
    strata: NDArray[np.int64], groups: NDArray[np.generic]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(n,) group number of each sample, and (groups, strata) numbers of samples."""
    names, group = np.unique(groups, return_inverse=True)
    group = group.reshape(-1)
    counts = np.zeros((len(names), strata.max(initial=-1) + 1))
    np.add.at(counts, (group, strata), 1)
    return group, counts


def _largest_first(counts: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Groups by falling size, in random order among equals."""
    order = rng.permutation(len(counts))
    return order[np.argsort(-counts[order].sum(axis=1), kind="stable")]


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
    """Hold out groups greedily, largest first, while that brings the class counts nearer the aim.

    If nothing of a class is held out, its smallest group is held out too. No class loses all its samples: if that
    cannot be avoided, nothing of the class is held out.
    """
    group, counts = _group_counts(strata, groups)
    total = counts.sum(axis=0)
    aim, taken = fraction * total, np.zeros_like(total)
    order = _largest_first(counts, rng)
    chosen: list[int] = []
    for candidate in order:
        after = taken + counts[candidate]
        nearer = np.square(after - aim).sum() < np.square(taken - aim).sum()
        if nearer and (after < total).all():
            chosen.append(int(candidate))
            taken = after
    for stratum in range(len(total)):
        if taken[stratum]:
            continue
        fitting = (c for c in order[::-1].tolist() if counts[c, stratum] and (taken + counts[c] < total).all())
        if (smallest := next(fitting, None)) is not None:
            chosen.append(smallest)
            taken = taken + counts[smallest]
    return np.isin(group, chosen)
