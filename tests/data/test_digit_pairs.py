from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.digit_pairs import DigitPairing, draw_pairs
from colliculus.types import ColliculusError


@given(
    labels=st.lists(st.integers(0, 2), max_size=30).map(lambda values: np.array(values, dtype=np.int64)),
    counts=st.tuples(*[st.integers(1, 8)] * 3),
    epoch=st.integers(0, 3),
)
def test_partners_are_of_the_same_class_and_last_as_long_as_they_can(labels, counts, epoch):
    candidates = np.repeat(np.arange(3), counts)
    drawn = draw_pairs(labels, candidates, seed=0, epoch=epoch)
    np.testing.assert_array_equal(candidates[drawn], labels)
    for label, count in enumerate(counts):
        uses = np.bincount(drawn[labels == label], minlength=len(candidates))[candidates == label]
        assert uses.max() - uses.min() <= 1
        assert uses.max() <= -(-int((labels == label).sum()) // count)


def test_seed_and_epoch_decide():
    labels = candidates = np.zeros(30, dtype=np.int64)
    draws = [draw_pairs(labels, candidates, seed=s, epoch=e).tolist() for s, e in [(0, 0), (0, 0), (0, 1), (1, 0)]]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) == 3


def test_a_class_without_candidates():
    with pytest.raises(ColliculusError, match="class 4"):
        draw_pairs(np.array([3, 4]), np.array([3]), seed=0, epoch=0)


SPOKEN = np.repeat(np.arange(10), 18)
WRITTEN = np.repeat(np.arange(10), 50)


@pytest.mark.parametrize("task", ["same", "sum", "which"])
def test_pairs_show_the_digits_of_the_question(task):
    pairing = DigitPairing(task, SPOKEN, WRITTEN, seed=0)
    for epoch in (0, 3):
        pairs = pairing.at(epoch)
        np.testing.assert_array_equal(WRITTEN[pairs.images], pairing.questions.shown)
        np.testing.assert_array_equal(SPOKEN[pairs.recordings], SPOKEN)
        assert sorted(pairs.recordings) == list(range(len(SPOKEN)))  # each recording once an epoch
        assert len(np.unique(pairs.images)) == pairs.images.size  # and no image twice


def test_a_recording_goes_with_both_labels_over_the_epochs():
    """Otherwise a network could learn the label of each training recording by heart."""
    pairing = DigitPairing("same", SPOKEN, WRITTEN, seed=0)
    labels = np.zeros((20, len(SPOKEN)))
    for epoch in range(20):
        labels[epoch, pairing.at(epoch).recordings] = pairing.questions.labels
    share = labels.mean(axis=0)
    assert 0 < share.min() < share.max() < 1
    assert abs(labels - 0.5).min() == 0.5


@pytest.mark.parametrize("task", ["digits", "lag"])
def test_the_digit_itself_keeps_every_recording_in_its_place(task):
    pairing = DigitPairing(task, SPOKEN, WRITTEN, seed=4)
    np.testing.assert_array_equal(pairing.at(2).recordings, np.arange(len(SPOKEN)))
    np.testing.assert_array_equal(pairing.at(2).images[:, 0], draw_pairs(SPOKEN, WRITTEN, seed=4, epoch=2))
    np.testing.assert_array_equal(pairing.questions.labels, SPOKEN)
