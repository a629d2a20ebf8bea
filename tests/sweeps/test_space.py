"""Ranges of a search."""

from __future__ import annotations

import pytest

import colliculus as cl
from colliculus.sweeps.space import Range, checked_space
from colliculus.types import ColliculusError


@pytest.mark.parametrize(("low", "high", "log"), [(1, 0, False), (0, 1, True), (-1, 1, True), (float("nan"), 1, False)])
def test_an_empty_range_is_refused(low, high, log):
    with pytest.raises(ColliculusError, match="the range"):
        Range(low, high, log=log)


def test_a_range_takes_the_type_of_its_setting():
    space = checked_space(
        cl.preset("late-fusion-synthetic"), {"method.dim": Range(8, 64), "train.weight_decay": Range(0, 0)}
    )
    assert [type(space[key].low) for key in ("method.dim", "train.weight_decay")] == [int, float]
