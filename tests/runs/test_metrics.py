from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.runs.metrics import Metrics, confusion_matrix, wilson_interval
from colliculus.types import ColliculusError


def test_confusion_matrix_by_hand():
    labels, predictions = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 0, 2])
    assert confusion_matrix(labels, predictions, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_figures_by_hand():
    metrics = Metrics.from_confusion(np.array([[1, 1, 0], [0, 1, 0], [1, 0, 2]]), ["a", "b", "c"])
    assert (metrics.correct, metrics.total) == (4, 6)
    assert metrics.accuracy == 4 / 6
    a, b, c = metrics.per_class
    assert (a.name, a.recall, a.precision, a.f1, a.total) == ("a", 1 / 2, 1 / 2, 1 / 2, 2)
    assert (b.recall, b.precision, b.f1, b.total) == (1, 1 / 2, 2 / 3, 1)
    assert (c.recall, c.precision, c.f1, c.total) == (2 / 3, 1, 4 / 5, 3)
    assert metrics.macro_f1 == pytest.approx((1 / 2 + 2 / 3 + 4 / 5) / 3)


def test_macro_f1_leaves_out_a_class_that_neither_occurs_nor_is_predicted():
    metrics = Metrics.from_confusion(np.array([[2, 0, 0], [0, 2, 0], [0, 0, 0]]), ["a", "b", "absent"])
    assert metrics.macro_f1 == 1
    assert metrics.per_class[2].total == 0


def test_macro_f1_leaves_out_a_class_that_is_predicted_and_does_not_occur():
    metrics = Metrics.from_confusion(np.array([[3, 0, 1], [0, 4, 0], [0, 0, 0]]), ["a", "b", "c"])
    assert metrics.macro_f1 == pytest.approx((6 / 7 + 1) / 2)  # 3 of 4 recognised, none wrongly taken for a


def test_macro_f1_counts_a_class_that_is_never_recognised_as_zero():
    assert Metrics.from_confusion(np.array([[2, 0], [2, 0]]), ["a", "b"]).macro_f1 == pytest.approx((2 / 3 + 0) / 2)


def test_an_empty_split_is_an_error():
    with pytest.raises(ColliculusError, match="no sample"):
        Metrics.from_confusion(np.zeros((2, 2), dtype=np.int64), ["a", "b"])


@pytest.mark.parametrize(("empty", "told"), [(0, ""), (1, ": c1"), (10, ": c1, c2"), (11, ", c10 and 1 more")])
def test_classes_without_a_sample_are_named_up_to_ten(empty, told):
    names = [f"c{k}" for k in range(empty + 1)]
    notes = Metrics.from_confusion(np.diag([5] + [0] * empty), names).notes("test")
    assert len(notes) == bool(empty)
    assert told in "".join(notes)
    assert ("more" in "".join(notes)) is (empty > 10)


def test_figures_are_json():
    metrics = Metrics.from_confusion(np.array([[3, 1], [0, 4]]), ["a", "b"])
    plain = json.loads(json.dumps(asdict(metrics)))
    assert plain["confusion"] == [[3, 1], [0, 4]]
    assert plain["per_class"][0]["recall"] == 0.75


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_as_published(correct, total, low, high):
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("total", "points"), [(744, 3.2), (402, 4.4)])
def test_wilson_interval_at_the_size_of_known_test_sets(total, points):
    low, high = wilson_interval(round(0.73 * total), total)
    assert 50 * (high - low) == pytest.approx(points, abs=0.1)


@given(st.integers(1, 5000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_bounds_solve_the_score_equation(counts):
    """A bound p is where the share lies 1.96 standard errors of p itself away: (share - p)^2 = z^2 p (1 - p) / n."""
    correct, total = counts
    for bound in wilson_interval(correct, total):
        assert (correct / total - bound) ** 2 == pytest.approx(1.959964**2 * bound * (1 - bound) / total, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=50))
def test_figures_are_shares_and_the_interval_holds_the_accuracy(pairs):
    labels, predictions = np.array(pairs).T
    metrics = Metrics.from_confusion(confusion_matrix(labels, predictions, 5), [str(k) for k in range(5)])
    assert metrics.correct == sum(true == predicted for true, predicted in pairs)
    assert sum(c.total for c in metrics.per_class) == metrics.total == len(pairs)
    assert 0 <= metrics.interval[0] <= metrics.accuracy <= metrics.interval[1] <= 1
    assert 0 <= metrics.macro_f1 <= 1


def test_mistakes_are_the_confusions_of_two_classes_by_their_number():
    metrics = Metrics.from_confusion(np.array([[5, 2, 0], [0, 4, 0], [3, 0, 1]]), ["a", "b", "c"])
    rows = [row[:3] for row in metrics.mistakes(9).rows]
    assert rows == [("c", "a", "3"), ("a", "b", "2")]
    assert len(metrics.mistakes(1).rows) == 1
    assert Metrics.from_confusion(np.diag([1, 2]), ["a", "b"]).mistakes(9) is None
