"""Attention to earlier steps: the recurrence, the mask and the cut between two calls give the same numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active, awake

from colliculus import ColliculusError
from colliculus.fusion import CrossModalAttention, CrossModalSettings
from colliculus.layers import OverSteps, RunningMean, SpikingAttention
from colliculus.layers.attention import causal_attention
from colliculus.neurons import carried


def spikes(*shape, seed=0, unit=1.0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(shape, generator=generator) > 0.4).float() * unit


@pytest.mark.parametrize("unit", [1.0, 0.5])
def test_causal_attention_is_the_recurrence_and_the_mask(unit) -> None:
    """A slow loop adds k_t v_t^T and asks q_t; any cut between two calls gives the same numbers, to the last bit."""
    q, k, v = (spikes(2, 3, 5, 4, seed=seed, unit=unit) for seed in range(3))
    state, expected = torch.zeros(2, 3, 4, 4), []
    for t in range(5):
        for left in range(4):
            for right in range(4):
                state[..., left, right] += k[..., t, left] * v[..., t, right]
        expected.append((q[..., t, :, None] * state).sum(-2))
    whole, after = causal_attention(q, k, v, None)
    assert_active(whole)
    assert torch.equal(whole, torch.stack(expected, -2))
    assert torch.equal(after, state)
    for cut in range(1, 5):
        first, middle = causal_attention(*(x[..., :cut, :] for x in (q, k, v)), None)
        last, end = causal_attention(*(x[..., cut:, :] for x in (q, k, v)), middle)
        assert torch.equal(torch.cat([first, last], -2), whole)
        assert torch.equal(end, after)


def test_a_running_mean_is_that_of_the_steps_so_far() -> None:
    x, running = spikes(6, 2, 3), RunningMean()
    expected = torch.stack([x[: t + 1].mean(0) for t in range(6)])
    torch.testing.assert_close(running(x), expected)
    with carried(running, {}) as kept:
        first = running(x[:2])
    with carried(running, kept):
        last = running(x[2:])
    assert_active(expected)
    assert torch.equal(torch.cat([first, last]), running(x))


@pytest.mark.parametrize("branches", ["temporal", "spatiotemporal"])
@pytest.mark.parametrize("combination", ["union", "product"])
def test_a_causal_exchange_does_not_look_ahead_and_goes_on(branches, combination) -> None:
    settings = CrossModalSettings(causal=True, combination=combination)
    torch.manual_seed(0)
    attention = CrossModalAttention(16, 4, grids=((3, 3), (3, 3)), branches=branches, settings=settings)
    x, y = (spikes(6, 2, 16, 9, seed=seed) for seed in (0, 1))
    whole = awake(attention, x, y)(x, y)
    assert_active(*whole)
    changed = [torch.cat([z[:3], spikes(3, 2, 16, 9, seed=7 + i)]) for i, z in enumerate((x, y))]
    assert torch.equal(attention(*changed)[:3], whole[:3])
    assert not torch.equal(attention(*changed)[3:], whole[3:])
    with torch.no_grad():
        with carried(attention, {}) as state:
            first = attention(x[:2], y[:2])
        with carried(attention, state):
            last = attention(x[2:], y[2:])
    torch.testing.assert_close(torch.cat([first, last]), whole, rtol=1e-5, atol=1e-5)
    other = replace(settings, causal=False)
    plain = CrossModalAttention(16, 4, grids=((3, 3), (3, 3)), branches=branches, settings=other)
    plain.load_state_dict(attention.state_dict())
    assert not torch.equal(plain.eval()(x, y)[0], whole[0]), "the option must matter"


def test_what_does_not_go_with_causal_attention_is_refused() -> None:
    with pytest.raises(ColliculusError, match="`causal` attention needs `swap`"):
        CrossModalSettings(causal=True, swap=False)
    with pytest.raises(ColliculusError, match="a causal axis keeps no scores"):
        SpikingAttention(8, 2, OverSteps(causal=True), scores=torch.nn.Identity())
