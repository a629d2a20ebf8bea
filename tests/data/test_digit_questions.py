"""Questions of the tasks, and what an additive score can answer: checked by search over all tables."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.digit_tasks import class_names, num_classes, num_digits, num_pictures, questions

BINDING = ("same", "xor", "sum", "which")


def answer(task, spoken, shown):
    """Label by a rule written out; the oracle that knows all digits."""
    match task:
        case "same":
            return int(shown[0] == spoken)
        case "xor":
            return int(bool(shown[0]) != bool(spoken))
        case "sum":
            return (shown[0] + spoken) % 10
        case "which":
            return shown.index(spoken)
    return spoken


def asked(task, spoken, seed=0):
    found = questions(task, spoken, np.random.default_rng(seed))
    return list(zip(spoken.tolist(), map(tuple, found.shown.tolist()), found.labels.tolist(), strict=True))


def every(task):
    """Each spoken digit equally often, in a number that all tasks divide."""
    return np.repeat(np.arange(num_digits(task)), 180)


@given(task=st.sampled_from([*BINDING, "digits", "lag"]), count=st.integers(0, 60), seed=st.integers(0, 99))
def test_labels_follow_from_the_digits(task, count, seed):
    spoken = np.random.default_rng(seed).integers(0, num_digits(task), count)
    for said, shown, label in asked(task, spoken, seed):
        assert len(shown) == num_pictures(task)
        assert all(0 <= digit < num_digits(task) for digit in shown)
        assert len(set(shown)) == len(shown)
        assert label == answer(task, said, shown)
        assert label < num_classes(task)


@pytest.mark.parametrize("task", BINDING)
def test_all_combinations_are_equally_frequent(task):
    """So neither modality alone tells the label: given either, all labels are equally frequent."""
    found = asked(task, every(task))
    for one in (0, 1):
        seen: dict[object, list[int]] = {}
        for sample in found:
            seen.setdefault(sample[one], []).append(sample[2])
        for labels in seen.values():
            counts = np.bincount(labels, minlength=num_classes(task))
            assert counts.min() == counts.max() > 0
    cells = {cell[:2]: 0 for cell in found}
    for cell in found:
        cells[cell[:2]] += 1
    assert len(cells) == {"same": 100, "xor": 4, "sum": 100, "which": 180}[task]


@pytest.mark.parametrize("task", ["same", "xor", "which"])
def test_labels_are_even_in_any_number(task):
    for counts in np.random.default_rng(0).integers(1, 40, (20, num_digits(task))):
        labels = [label for *_, label in asked(task, np.repeat(np.arange(num_digits(task)), counts))]
        assert abs(2 * sum(labels) - len(labels)) <= num_digits(task)  # one of each digit at most


@pytest.mark.parametrize("task", BINDING)
def test_constant_scores_are_the_minimum_of_the_cross_entropy_of_additive_ones(task):
    """The loss is convex in the tables, so a gradient of 0 is its minimum; a table of pairs would fall further."""
    found = asked(task, every(task))
    residual = {}  # sum over the samples of (probability - target), by entry of the table
    for said, shown, label in found:
        target = np.eye(num_classes(task))[label]
        for entry in (("sound", said), ("picture", shown), (said, shown)):
            residual[entry] = residual.get(entry, 0) + 1 / num_classes(task) - target
    alone = [np.abs(gradient).max() for entry, gradient in residual.items() if entry[0] in ("sound", "picture")]
    assert max(alone) == pytest.approx(0, abs=1e-9)
    assert min(np.abs(g).max() for entry, g in residual.items() if entry[0] not in ("sound", "picture")) > 0.4


def best_additive(cells):
    """Highest accuracy of a(sound) + b(picture) > 0 over tables of small whole numbers; `cells` have weights."""
    sounds, pictures = (sorted({cell[i] for cell in cells}) for i in (0, 1))
    best = 0.0
    for a in product(range(-2, 3), repeat=len(sounds)):
        scores = dict(zip(sounds, a, strict=True))
        right = 0.0
        for picture in pictures:  # the best threshold of each picture by itself, halfway between the scores
            mine = [(scores[s], label, w) for (s, p, label), w in cells.items() if p == picture]
            right += max(sum(w for x, label, w in mine if label == (x > cut)) for cut in np.arange(-3, 3) + 0.5)
        best = max(best, right)
    return best


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_the_sign_of_an_additive_score_is_right_for_three_quarters_at_most(digits):
    pairs = list(product(range(digits), repeat=2))
    same = {(s, w, int(s == w)): 1 / (2 * digits * (1 if s == w else digits - 1)) for s, w in pairs}
    which = {
        (said, (left, right), side): 1 / (2 * digits * (digits - 1))
        for left, right in permutations(range(digits), 2)
        for side, said in enumerate((left, right))
    }
    assert best_additive(same) == pytest.approx(0.75)
    assert best_additive(which) == pytest.approx(0.75)
    if digits == 2:
        assert best_additive({(s, w, s ^ w): 0.25 for s, w in pairs}) == pytest.approx(0.75)


def test_the_additive_score_that_reaches_the_stated_accuracy():
    for task, score in (
        ("same", lambda said, shown: [0, said - shown[0] + 0.5]),
        ("which", lambda said, shown: [0, said - sum(shown) / 2 + (shown[1] < shown[0]) * 99]),
        ("sum", lambda said, shown: [-k * k + 2 * k * (said + shown[0]) for k in range(10)]),
    ):
        found = asked(task, every(task))
        share = np.mean([np.argmax(score(said, shown)) == label for said, shown, label in found])
        assert share == pytest.approx({"same": 0.75, "which": 0.75, "sum": 0.55}[task], abs=1e-9)


@pytest.mark.parametrize("task", BINDING)
def test_labels_do_not_follow_from_the_order(task):
    """Recordings come in the order of the speakers."""
    labels = np.array([label for *_, label in asked(task, np.zeros(180, dtype=np.int64))])
    period = {"same": 2, "xor": 2, "which": 2, "sum": 10}[task]
    assert 0 < np.mean(labels[period:] == labels[:-period]) < 0.9


def test_classes_have_names():
    assert (class_names("same"), class_names("which")) == (("different", "same"), ("left", "right"))
    assert class_names("xor") == class_names("digits") == ()
