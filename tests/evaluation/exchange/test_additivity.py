from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from colliculus.evaluation.exchange.additivity import additivity, grid_sums

SIGNS = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
RANDOM = np.random.default_rng(0)


def measured(grid, labels=None, block=2):
    """The comparison of a grid of logits, from blocks of clips."""
    sums = [grid_sums(grid[start : start + block], start) for start in range(0, len(grid), block)]
    return additivity(sums, np.zeros(len(grid), dtype=np.int64) if labels is None else labels)


def slow(grid):
    """Additive logits of the matched clips, and the share of the interaction, by loops over all pairings."""
    n, modalities = len(grid), grid.ndim - 1
    pairings = list(product(range(n), repeat=modalities))
    centred = {pairing: grid[pairing] - grid[pairing].mean() for pairing in pairings}
    mean = sum(centred.values()) / len(pairings)

    def additive(pairing):
        found = -(modalities - 1) * mean
        for m, i in enumerate(pairing):
            same = [centred[other] for other in pairings if other[m] == i]
            found = found + sum(same) / len(same)
        return found

    interaction = sum(((centred[pairing] - additive(pairing)) ** 2).sum() for pairing in pairings)
    total = sum(((centred[pairing] - mean) ** 2).sum() for pairing in pairings)
    return np.stack([additive((i,) * modalities) for i in range(n)]), interaction / total


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("block", [1, 2, 5])
def test_any_grid_by_a_slow_loop(modalities, block):
    grid = RANDOM.normal(size=(*[5] * modalities, 4)) + RANDOM.normal(size=4)
    labels = np.array([0, 1, 2, 3, 0])
    additive, share = slow(grid)
    matched = np.stack([grid[(i,) * modalities] for i in range(5)])
    found = measured(grid, labels, block)
    assert (found.clips, found.pairings) == (5, 5**modalities)
    assert found.interaction_share == pytest.approx(share)
    assert 0.05 < share < 0.95
    assert found.accuracy == (matched.argmax(1) == labels).mean()
    assert found.additive_accuracy == (additive.argmax(1) == labels).mean()
    assert found.changed == (matched.argmax(1) != additive.argmax(1)).sum() > 0


@pytest.mark.parametrize("modalities", [2, 3])
def test_a_sum_has_no_interaction(modalities):
    parts = RANDOM.normal(size=(modalities, 6, 3))
    grid = parts[0]
    for part in parts[1:]:
        grid = grid[..., None, :] + part
    found = measured(grid)
    assert found.interaction_share == pytest.approx(0, abs=1e-12)
    assert (found.changed, found.accuracy) == (0, found.additive_accuracy)
    assert 0 < found.accuracy < 1


def test_xor_is_all_interaction():
    """Logits (xy, -xy) of signs that are balanced: neither sign alone says anything."""
    conjunction = SIGNS[0][:, None] * SIGNS[1]
    found = measured(np.stack([conjunction, -conjunction], axis=-1), labels=np.array([0, 1, 1, 0]))
    assert found.interaction_share == 1
    assert (found.accuracy, found.additive_accuracy, found.changed) == (1.0, 0.5, 2)


@pytest.mark.parametrize("strength", [0.1, 0.5, 3.0])
def test_a_sum_and_a_conjunction_share_the_variance(strength):
    """Logits of x + 2 y + c x y: c^2 / (1 + 4 + c^2) of the variance is interaction."""
    logit = SIGNS[0][:, None] + 2 * SIGNS[1] + strength * SIGNS[0][:, None] * SIGNS[1]
    found = measured(np.stack([logit, -logit], axis=-1))
    assert found.interaction_share == pytest.approx(strength**2 / (5 + strength**2))


def test_a_constant_over_the_classes_changes_nothing():
    grid = RANDOM.normal(size=(4, 4, 3))
    assert measured(grid + 10 * RANDOM.normal(size=(4, 4, 1))).interaction_share == pytest.approx(
        measured(grid).interaction_share
    )


def test_constant_logits_have_no_interaction():
    silent = np.broadcast_to(np.float32([0.1, 0.7, -0.3]).astype(np.float64), (7, 7, 3))
    assert measured(silent).interaction_share == 0
