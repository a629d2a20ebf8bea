"""Samples that end at different steps, against a loop over clips and ends."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from colliculus.fusion import ReadoutWeights
from colliculus.layers import (
    OverSteps,
    QKAttention,
    SpikingAttention,
    ending_at,
    for_each_end,
    heeds_ends,
    mean_until_end,
    until_end,
    uses_later_steps,
)

ENDS = (1, 3, 4)


def common():
    """4 steps of 2 clips."""
    return torch.randn(4, 2, 3, 5, generator=torch.Generator().manual_seed(0))


def apart(x):
    """Every clip cut at every end, by a loop: the samples of the first end first."""
    cut = [torch.cat([clip[:end], torch.zeros_like(clip[end:])]) for end in ENDS for clip in x.unbind(1)]
    return torch.stack(cut, dim=1)


def test_steps_past_the_end_are_zero_whether_the_samples_are_common_to_all_ends_or_not():
    x = common()
    with ending_at(ENDS, batch=2):
        assert torch.equal(until_end(x), apart(x))
        assert torch.equal(until_end(torch.cat([x, x, x], dim=1)), apart(x))


def test_the_mean_is_over_the_steps_before_the_end():
    x = common()
    expected = torch.stack([clip[:end].mean(0) for end in ENDS for clip in x.unbind(1)])[None]
    with ending_at(ENDS, batch=2):
        torch.testing.assert_close(mean_until_end(x), expected)
    torch.testing.assert_close(mean_until_end(x), x.mean(0, keepdim=True))


def test_a_sample_past_its_end_may_be_infinite():
    x = common()
    x[2:] = torch.inf
    with ending_at((2,), batch=2):
        assert until_end(x).isfinite().all()


def test_the_ends_are_gone_after_the_context():
    x = common()
    with pytest.raises(KeyError), ending_at(ENDS, batch=2):
        raise KeyError
    assert until_end(x) is x


def test_what_is_common_is_repeated_in_the_order_of_the_ends():
    x = common()
    repeated = for_each_end(x, like=apart(x))
    assert torch.equal(repeated, torch.cat([x, x, x], dim=1))
    assert for_each_end(x, like=x) is x


def test_a_network_says_what_it_uses_and_what_it_heeds():
    attention = SpikingAttention(8, 2, OverSteps())
    assert uses_later_steps(attention)
    assert heeds_ends(attention)
    assert not heeds_ends(SpikingAttention(8, 2, OverSteps(swap=False)))  # merging mixes steps
    assert not heeds_ends(nn.Sequential(attention))  # it does not say so itself
    assert heeds_ends(QKAttention(8, 2, "step"))
    assert not uses_later_steps(ReadoutWeights(4, 8, 9))
    assert not uses_later_steps(QKAttention(8, 2, "token"))
