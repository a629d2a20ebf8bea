"""Features of samples as points in the plane: principal components and t-SNE, by scikit-learn."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError

Points = NDArray[np.float64]

LEAST_POINTS = 4
"""Points that t-SNE needs at least."""
_TINY = 1e-12


def require_sklearn() -> None:
    """Check that scikit-learn, an extra, is installed.

    Raises:
        ColliculusError: it is absent.
    """
    if find_spec("sklearn") is None:
        raise ColliculusError("PCA and t-SNE need scikit-learn: pip install 'colliculus[report]'")


def pca(features: Points) -> tuple[Points, Points]:
    """The two directions in which samples differ most; the same data always give the same signs.

    Args:
        features: (n, F).

    Returns:
        Coordinates (n, 2), and the share of the variance in each component (2,); zero for a direction that does not
        exist.

    Raises:
        ColliculusError: scikit-learn is absent.

    Example:
        >>> points, share = pca(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
        >>> abs(points[:, 0]).round(3).tolist(), share.round(3).tolist()
        ([1.414, 0.0, 1.414], [1.0, 0.0])
    """
    require_sklearn()
    from sklearn.decomposition import PCA

    points, share = np.zeros((len(features), 2)), np.zeros(2)
    total = float(features.var(axis=0).sum())
    if total > _TINY:
        count = min(2, *features.shape)
        found = PCA(count, svd_solver="full")
        points[:, :count] = found.fit_transform(features)
        share[:count] = found.explained_variance_ratio_
    return points, share


def tsne(features: Points, *, perplexity: float = 30.0) -> Points:
    """t-SNE: neighbours stay neighbours in the plane; distances between groups and their sizes mean nothing.

    It maps (n, F) to (n, 2), starts at the principal components and draws no random number.

    Args:
        features: (n, F).
        perplexity: about how many neighbours each point has; at most a third of the points.

    Raises:
        ColliculusError: there are fewer than four points, or scikit-learn is absent.

    Example:
        >>> groups = np.repeat(10 * np.eye(2), 5, axis=0) + np.arange(10)[:, None] / 10
        >>> points = tsne(groups)
        >>> points.shape, bool(np.ptp(points[:5], axis=0).max() < np.ptp(points, axis=0).max())
        ((10, 2), True)
    """
    if len(features) < LEAST_POINTS:
        raise ColliculusError(f"t-SNE was given {len(features)} points: give at least {LEAST_POINTS}")
    start, _ = pca(features)
    from sklearn.manifold import TSNE

    init: Any = (1e-4 * start / max(float(start[:, 0].std()), _TINY)).astype(np.float32)
    size = min(perplexity, (len(features) - 1) / 3)
    return TSNE(perplexity=size, init=init, random_state=0, n_jobs=1).fit_transform(features).astype(np.float64)
