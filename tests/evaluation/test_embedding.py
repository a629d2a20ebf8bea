from __future__ import annotations

import numpy as np
import pytest
import torch

from colliculus.evaluation.embedding import divergence_gradient, joint_probabilities, pca, tsne
from colliculus.types import ColliculusError


@pytest.fixture
def features():
    """Three groups of twelve samples with eight features."""
    random = np.random.default_rng(0)
    return np.repeat(10 * np.eye(3, 8), 12, axis=0) + random.normal(size=(36, 8))


def test_principal_components_are_the_eigenvectors_of_the_covariance(features):
    points, share = pca(features, dims=3)
    values, vectors = np.linalg.eigh(np.cov(features.T))
    assert share == pytest.approx(values[::-1][:3] / values.sum())
    for i in range(3):
        mine = (features - features.mean(0)) @ vectors[:, -1 - i]
        assert points[:, i] == pytest.approx(mine, abs=1e-9) or points[:, i] == pytest.approx(-mine, abs=1e-9)


def test_directions_that_do_not_exist_are_zero():
    points, share = pca(np.ones((3, 1)) * np.arange(3)[:, None], dims=2)
    assert not points[:, 1].any()
    assert share == pytest.approx([1, 0])
    assert not pca(np.zeros((4, 2)))[1].any()


def test_neighbourhoods_have_the_perplexity_asked_for(features):
    from colliculus.evaluation.embedding import _neighbourhood, _squared_distances

    for i, row in enumerate(_squared_distances(features)):
        p = _neighbourhood(np.delete(row, i), i, np.log(7.0))
        assert p[i] == 0
        nonzero = p[p > 0]
        assert 2 ** -(nonzero * np.log2(nonzero)).sum() == pytest.approx(7, rel=1e-4)


def test_joint_probabilities_are_symmetric_and_sum_to_one(features):
    p = joint_probabilities(features, 7.0)
    assert p == pytest.approx(p.T)
    assert p.sum() == pytest.approx(1)
    assert not p.diagonal().any()


def test_the_gradient_is_that_of_the_divergence(features):
    p = joint_probabilities(features, 7.0)
    points = np.random.default_rng(1).normal(size=(36, 2))
    y = torch.tensor(points, requires_grad=True)
    kernel = 1 / (1 + (y[:, None] - y[None]).square().sum(-1))
    kernel = kernel * (1 - torch.eye(36, dtype=torch.float64))
    q = kernel / kernel.sum()
    off = ~torch.eye(36, dtype=torch.bool)
    t = torch.tensor(p)
    (t[off] * (t[off] / q[off]).log()).sum().backward()
    assert divergence_gradient(p, points) == pytest.approx(y.grad.numpy(), abs=1e-12)


def test_groups_stay_together_and_nothing_is_drawn(features):
    points = tsne(features, perplexity=8, iterations=300)
    assert np.array_equal(points, tsne(features, perplexity=8, iterations=300))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    group = np.repeat(np.arange(3), 12)
    assert (group[distances.argmin(1)] == group).all()
    assert points.mean(0) == pytest.approx([0, 0], abs=1e-9)


def test_equal_samples_do_no_harm():
    points = tsne(np.zeros((10, 3)), iterations=50)
    assert np.isfinite(points).all()


@pytest.mark.parametrize("count", [3, 2001])
def test_too_few_or_too_many_points_are_refused(count):
    with pytest.raises(ColliculusError, match="points"):
        tsne(np.zeros((count, 2)))
