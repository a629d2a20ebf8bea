from __future__ import annotations

import pytest

from colliculus.modulation.epochs import EpochRange
from colliculus.types import ColliculusError


def acting(epochs, **settings):
    return [epoch + 1 for epoch in range(epochs) if EpochRange(**settings).acts_in(epoch, epochs=epochs)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"first_epoch": 3}, [3, 4, 5]),
        ({"last_epoch": 2}, [1, 2]),
        ({"last_epoch": "half"}, [1, 2, 3]),
        ({"first_epoch": 3, "last_epoch": "half"}, [3]),
        ({"first_epoch": 2, "last_epoch": 9}, [2, 3, 4, 5]),
    ],
)
def test_the_epochs_by_hand(settings, expected):
    assert acting(5, **settings) == expected


@pytest.mark.parametrize("settings", [{"first_epoch": 0}, {"first_epoch": 3, "last_epoch": 2}, {"last_epoch": 0}])
def test_a_range_that_is_none_is_refused(settings):
    with pytest.raises(ColliculusError, match="`first_epoch`"):
        EpochRange(**settings)


def test_one_that_begins_after_the_half_is_refused_once_the_epochs_are_known():
    late = EpochRange(first_epoch=4, last_epoch="half")
    assert late.acts_in(3, epochs=8)
    with pytest.raises(ColliculusError, match="`last_epoch` 3"):
        late.acts_in(0, epochs=6)
