from __future__ import annotations

import pytest
import torch
from torch import nn

from colliculus import ColliculusError
from colliculus.layers import OverSteps, OverTokens, SpikingAttention

T, B, D, N, HEADS = 3, 2, 8, 5, 4


def slow_over_tokens(q, k, v, heads):
    """o[t, b, c, n] = sum_m (sum_j q[t, b, j, n] k[t, b, j, m]) v[t, b, c, m], j over the channels of c's head."""
    out = torch.zeros_like(q)
    width = q.shape[2] // heads
    for t in range(q.shape[0]):
        for b in range(q.shape[1]):
            for c in range(q.shape[2]):
                head = slice(c // width * width, c // width * width + width)
                for n in range(q.shape[3]):
                    for m in range(k.shape[3]):
                        out[t, b, c, n] += (q[t, b, head, n] * k[t, b, head, m]).sum() * v[t, b, c, m]
    return out


def attend(axis, q, k, v):
    query, key, value = (axis.split(x, HEADS) for x in (q, k, v))
    return axis.merge(query @ key.transpose(-1, -2) @ value)


def spikes(seed, tokens=N):
    return (torch.rand(T, B, D, tokens, generator=torch.Generator().manual_seed(seed)) < 0.4).float()


def test_over_tokens_equals_a_slow_loop_also_between_different_numbers_of_tokens() -> None:
    q, k, v = spikes(0), spikes(1, 7), spikes(2, 7)
    torch.testing.assert_close(attend(OverTokens(), q, k, v), slow_over_tokens(q, k, v, HEADS))


def test_over_steps_is_over_tokens_with_time_and_tokens_exchanged() -> None:
    q, k, v = spikes(0), spikes(1), spikes(2)
    turned = slow_over_tokens(*(x.transpose(0, 3) for x in (q, k, v)), HEADS).transpose(0, 3)
    torch.testing.assert_close(attend(OverSteps(), q, k, v), turned)


def test_over_steps_without_swap_reads_heads_and_steps_as_one_row_of_numbers() -> None:
    q, k, v = spikes(0), spikes(1), spikes(2)
    right = attend(OverSteps(), q, k, v)  # (T, B, D, N)
    heads_first = right.permute(3, 1, 2, 0).reshape(N, B, HEADS, D // HEADS, T).transpose(-1, -2)
    quirk = heads_first.reshape(N, B, -1).reshape(N, B, T, D).permute(2, 1, 3, 0)
    got = attend(OverSteps(swap=False), q, k, v)
    torch.testing.assert_close(got, quirk)
    assert not torch.equal(got, right)


@pytest.mark.parametrize("axis", [OverTokens(), OverSteps(), OverSteps(swap=False)])
def test_merge_keeps_shape_and_content(axis) -> None:
    x = torch.randn(T, B, D, N)
    merged = axis.merge(axis.split(x, HEADS))
    assert merged.shape == x.shape
    torch.testing.assert_close(merged.sort(dim=-1).values.sum(), x.sum())
    if axis != OverSteps(swap=False):
        assert torch.equal(merged, x)


def test_block_gives_spikes_and_every_weight_a_gradient() -> None:
    torch.manual_seed(0)
    block = SpikingAttention(D, HEADS, OverTokens(), normalise=True)
    out = block(spikes(3) * 4, spikes(4, 7) * 4)
    assert out.shape == (T, B, D, N)
    assert set(out.unique().tolist()) <= {0.0, 1.0}
    out.sum().backward()
    assert all(p.grad is not None for p in block.parameters())


def test_inner_neurons_have_their_own_threshold_and_the_last_has_not() -> None:
    from colliculus.neurons import NeuronSettings

    block = SpikingAttention(D, HEADS, OverTokens(), attention_neuron=NeuronSettings(threshold=0.5))
    inner = (block.query.neuron, block.key.neuron, block.value.neuron, block.neuron)
    assert [neuron.dynamics.threshold for neuron in inner] == [0.5] * 4
    assert block.project.neuron.dynamics.threshold == 1.0
    assert isinstance(block.norm, nn.Identity)


def test_width_must_be_a_multiple_of_the_heads() -> None:
    with pytest.raises(ColliculusError, match="`heads` is 4, and a width of 10"):
        SpikingAttention(10, 4, OverTokens())


def test_one_head_is_enough() -> None:
    assert SpikingAttention(6, 1, OverTokens()).heads == 1
