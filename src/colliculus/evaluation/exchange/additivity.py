"""EMAP: how close a network is to a sum of one function of each modality (Hessel and Lee, EMNLP 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONSTANT = 1e-12
"""Variance of the logits relative to their mean square below which they are constant: float32 rounds more coarsely."""


@dataclass(frozen=True)
class Additivity:
    """Comparison of a network with its best additive approximation, over all pairings of some clips.

    f(i_1, ..., i_M) are the logits, (K,), for modality 1 of clip i_1 up to modality M of clip i_M. From all logits of
    one pairing their mean over the classes is subtracted, since a constant over the classes changes no decision. Over
    the n**M pairings, each equally likely, the best approximation of f by a sum of functions of one modality each is
    f_hat = sum_m E[f | i_m] - (M - 1) E[f]. For M = 2 this is the published
    f_hat(i, j) = mean_k f(i, k) + mean_k f(k, j) - mean_kl f(k, l).

    Deviation: the paper compares accuracies alone, for M = 2; the share of the variance and M > 2 are ours.

    Args:
        clips: n, clips that were paired.
        pairings: n**M.
        accuracy: accuracy of the network on these clips, each with its own modalities.
        additive_accuracy: that of the approximation.
        changed: clips that the two classify differently.
        interaction_share: share of the variance of the logits that is interaction, from 0 (the network is a sum) to 1:
            E |f - f_hat|^2 / E |f - E f|^2, over all pairings, with |.| the norm over the classes. 0 where the logits
            are constant.
    """

    clips: int
    pairings: int
    accuracy: float
    additive_accuracy: float
    changed: int
    interaction_share: float


@dataclass(frozen=True, eq=False)
class GridSums:
    """Sums over the logits of some pairings: those of consecutive clips of the first modality with all of the others.

    Args:
        matched: (b, K), logits of the b clips, each with its own modalities.
        first: (b, K), sums over the pairings of each clip of the first modality.
        others: (M - 1, n, K), sums over the pairings of each clip of each other modality.
        squares: sum of all squares.
    """

    matched: NDArray[np.float64]
    first: NDArray[np.float64]
    others: NDArray[np.float64]
    squares: float


def grid_sums(logits: NDArray[np.float64], start: int) -> GridSums:
    """Sums over a block of the grid of pairings.

    Args:
        logits: (b, n, ..., n, K), for the first modality of the clips from `start` on with every clip of the others.
        start: number of the block's first clip.

    Example:
        >>> sums = grid_sums(np.array([[[1.0, -1.0], [3.0, -3.0]]]), start=1)  # the second of two clips
        >>> sums.matched, sums.first, sums.squares
        (array([[ 3., -3.]]), array([[ 4., -4.]]), 20.0)
    """
    centred = logits - logits.mean(-1, keepdims=True)
    axes = range(centred.ndim - 1)
    clips = np.arange(len(centred))
    own = (clips, *(start + clips for _ in axes[1:]))
    by_clip = [centred.sum(axis=tuple(axis for axis in axes if axis != m)) for m in axes]
    return GridSums(centred[own], by_clip[0], np.stack(by_clip[1:]), float(np.square(centred).sum()))


def additivity(blocks: Sequence[GridSums], labels: NDArray[np.int64]) -> Additivity:
    """The comparison, from the sums over all blocks of the grid in order.

    f - E f is the sum of the effects E[f | i_m] - E f of the modalities and of the interaction f - f_hat. All of them
    are uncorrelated over the pairings, so that the variance of the interaction is what the effects leave.

    Args:
        blocks: at least one; together they hold every clip once.
        labels: (n,) classes of the clips.
    """
    matched = np.concatenate([block.matched for block in blocks])
    others = np.sum([block.others for block in blocks], axis=0)
    sums = np.stack([np.concatenate([block.first for block in blocks]), *others])
    modalities, n = sums.shape[:2]
    means = sums / n ** (modalities - 1)
    mean = means[0].mean(0)
    effects = means - mean
    mean_square = sum(block.squares for block in blocks) / n**modalities
    variance = mean_square - np.square(mean).sum()
    explained = np.square(effects).sum() / n
    constant = variance <= CONSTANT * mean_square
    predicted, additive = matched.argmax(1), (mean + effects.sum(0)).argmax(1)
    return Additivity(
        clips=n,
        pairings=n**modalities,
        accuracy=float((predicted == labels).mean()),
        additive_accuracy=float((additive == labels).mean()),
        changed=int((predicted != additive).sum()),
        interaction_share=0.0 if constant else float(np.clip(1 - explained / variance, 0, 1)),
    )
