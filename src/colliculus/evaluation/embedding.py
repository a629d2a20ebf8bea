"""Many numbers of each sample as a point in the plane: principal components, and t-SNE."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError

Points = NDArray[np.float64]

MOST_POINTS = 2000
"""Of t-SNE, which here compares every sample with every other."""

_EXAGGERATION, _EXAGGERATED, _LEAST_RATE = 12.0, 125, 50.0
_TINY = 1e-12


def pca(features: Points, dims: int = 2) -> tuple[Points, Points]:
    """The directions in which samples differ most.

    The sign of a component is that of its largest weight, so that the same data always give the same picture.

    Args:
        features: (n, F).
        dims: components; directions that do not exist are zero.

    Returns:
        Coordinates (n, dims), and the share of the variance in each component (dims,).

    Example:
        >>> points, share = pca(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
        >>> points[:, 0].round(3).tolist(), share.round(3).tolist()
        ([-1.414, 0.0, 1.414], [1.0, 0.0])
    """
    centred = features - features.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1)[:, None], axis=1)
    signed = directions * np.where(largest < 0, -1.0, 1.0)
    found, share = np.zeros((len(features), dims)), np.zeros(dims)
    count = min(dims, len(sizes))
    found[:, :count] = centred @ signed[:count].T
    share[:count] = sizes[:count] ** 2 / max(float((sizes**2).sum()), _TINY)
    return found, share


def joint_probabilities(features: Points, perplexity: float) -> Points:
    """p_ij of t-SNE: Gaussian neighbourhoods, each as wide as `perplexity` asks, made symmetric; they sum to 1.

    Args:
        features: (n, F).
        perplexity: 2 to the entropy (in bits) of every p_.|i.

    Returns:
        (n, n), zero on the diagonal.
    """
    squares = _squared_distances(features)
    return _symmetric(
        np.array([_neighbourhood(np.delete(row, i), i, log(perplexity)) for i, row in enumerate(squares)])
    )


def divergence_gradient(probabilities: Points, points: Points) -> Points:
    """dC/dy of C = sum p_ij log(p_ij / q_ij), q_ij ~ 1 / (1 + |y_i - y_j|^2).

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9 (2008), equation 5.

    Args:
        probabilities: p, (n, n).
        points: y, (n, d).

    Returns:
        4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2), (n, d).
    """
    kernel = 1 / (1 + _squared_distances(points))
    np.fill_diagonal(kernel, 0)
    pull = (probabilities - kernel / kernel.sum()) * kernel
    return 4 * (pull.sum(axis=1)[:, None] * points - pull @ points)


def tsne(features: Points, *, perplexity: float = 30.0, iterations: int = 500) -> Points:
    """Neighbours stay neighbours in the plane; distances between groups and their sizes mean nothing.

    Exact (every pair), begun at the principal components, so that it draws no random number.

    Source: as `divergence_gradient`, with its momentum, gains and early exaggeration.

    Args:
        features: (n, F), n at most `MOST_POINTS`.
        perplexity: neighbours each point has, about; at most a third of the points.
        iterations: steps of gradient descent.

    Returns:
        (n, 2).

    Raises:
        ColliculusError: there are too many points or fewer than four.
    """
    count = len(features)
    if not 4 <= count <= MOST_POINTS:
        raise ColliculusError(f"t-SNE was given {count:,} points: give it 4 to {MOST_POINTS:,}")
    probabilities = joint_probabilities(features, min(perplexity, (count - 1) / 3))
    begun, _ = pca(features)
    points = 1e-4 * begun / max(float(begun[:, 0].std()), _TINY)
    rate = max(count / _EXAGGERATION / 4, _LEAST_RATE)
    step, gains = np.zeros_like(points), np.ones_like(points)
    for i in range(iterations):
        early = i < _EXAGGERATED
        gradient = divergence_gradient(_EXAGGERATION * probabilities if early else probabilities, points)
        turned = np.sign(gradient) != np.sign(step)
        gains = np.maximum(np.where(turned, gains + 0.2, gains * 0.8), 0.01)
        step = (0.5 if early else 0.8) * step - rate * gains * gradient
        points = points + step
        points -= points.mean(axis=0)
    return points


def _squared_distances(points: Points) -> Points:
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * points @ points.T
    np.fill_diagonal(distances, 0)
    return np.maximum(distances, 0)


def _neighbourhood(squares: Points, i: int, entropy: float) -> Points:
    """p_.|i with p_i|i = 0, of the given entropy (natural logarithm), by bisection of the precision."""
    squares = squares - squares.min()
    precision, low, high = 1.0 / max(float(squares.mean()), _TINY), 0.0, np.inf
    weights = np.ones_like(squares)
    for _ in range(100):
        weights = np.exp(-squares * precision)
        weights /= weights.sum()
        excess = -float((weights * np.log(np.maximum(weights, _TINY))).sum()) - entropy
        if abs(excess) < 1e-7:
            break
        low, high = (precision, high) if excess > 0 else (low, precision)
        precision = 2 * precision if high == np.inf else (low + high) / 2
    return np.insert(weights, i, 0.0)


def _symmetric(conditional: Points) -> Points:
    return (conditional + conditional.T) / (2 * len(conditional))
