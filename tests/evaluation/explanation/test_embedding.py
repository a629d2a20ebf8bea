from __future__ import annotations

import sys

import numpy as np
import pytest

from colliculus.evaluation.explanation.embedding import pca, tsne
from colliculus.types import ColliculusError


@pytest.fixture
def features():
    """Three groups of twelve samples with eight features."""
    random = np.random.default_rng(0)
    return np.repeat(10 * np.eye(3, 8), 12, axis=0) + random.normal(size=(36, 8))


def test_principal_components_are_the_eigenvectors_of_the_covariance(features):
    points, share = pca(features)
    values, vectors = np.linalg.eigh(np.cov(features.T))
    assert share == pytest.approx(values[::-1][:2] / values.sum())
    for i in range(2):
        mine = (features - features.mean(0)) @ vectors[:, -1 - i]
        assert points[:, i] == pytest.approx(mine, abs=1e-9) or points[:, i] == pytest.approx(-mine, abs=1e-9)


def test_directions_that_do_not_exist_are_zero():
    points, share = pca(np.ones((3, 1)) * np.arange(3)[:, None])
    assert not points[:, 1].any()
    assert share == pytest.approx([1, 0])
    assert not pca(np.zeros((4, 2)))[1].any()
    assert not pca(np.ones((1, 5)))[0].any()


def test_groups_stay_together_and_nothing_is_drawn(features):
    points = tsne(features, perplexity=8)
    np.random.seed(1)  # noqa: NPY002 - the generator that scikit-learn would use
    assert np.array_equal(points, tsne(features, perplexity=8))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    group = np.repeat(np.arange(3), 12)
    assert (group[distances.argmin(1)] == group).all()


def test_equal_samples_give_finite_points():
    assert np.isfinite(tsne(np.zeros((10, 3)))).all()


def test_too_few_points_are_refused():
    with pytest.raises(ColliculusError, match="3 points: give at least 4"):
        tsne(np.zeros((3, 2)))


@pytest.mark.parametrize("reduce", [pca, tsne])
def test_without_scikit_learn_the_extra_is_named(features, monkeypatch, reduce):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ColliculusError, match=r"colliculus\[report\]"):
        reduce(features)
