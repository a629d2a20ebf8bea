"""Q-K attention against loops over single numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from active import assert_active, awake
from slow_fusion import SlowFusion

from colliculus import ColliculusError
from colliculus.layers import QKAttention
from colliculus.neurons import LIF, Dynamics, NeuronSettings

T, B, D, N, HEADS = 3, 4, 6, 5, 2
FORMS = ["token", "channel", "step"]


def tokens(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 3, (T, B, D, N), generator=generator).double() for _ in range(2)]


def attention(passing, threshold=0.6, *, normalise=True, current=0.4):
    torch.manual_seed(0)
    inner = lambda: LIF(dynamics=Dynamics(threshold=threshold))  # noqa: E731
    layer = QKAttention(D, HEADS, passing, LIF, attention_neuron=inner, normalise=normalise).double()
    return awake(layer, *tokens(), current=current)


def slow_attention(layer, x, y, threshold):
    slow = SlowFusion({name: value.numpy() for name, value in layer.state_dict().items()}, {})
    query, key = slow.project(x, "query", 1.0), slow.project(y, "key", 1.0)
    width = D // HEADS
    if layer.passing == "token":
        asked = np.zeros((T, B, HEADS, N))
        for t, b, c, n in product(range(T), range(B), range(D), range(N)):
            asked[t, b, c // width, n] += query[t, b, c, n]
    elif layer.passing == "channel":
        asked = np.zeros((T, B, D, 1))
        for t, b, c, n in product(range(T), range(B), range(D), range(N)):
            asked[t, b, c, 0] += query[t, b, c, n]
    else:
        asked = np.zeros((1, B, D, N))
        for t, b, c, n in product(range(T), range(B), range(D), range(N)):
            asked[0, b, c, n] += query[t, b, c, n]
    normed = slow.normalise(asked, "norm") if "norm.weight" in slow.weights else asked
    mask = slow.lif(normed, threshold)
    masked = np.zeros_like(key)
    for t, b, c, n in product(range(T), range(B), range(D), range(N)):
        at = {"token": (t, b, c // width, n), "channel": (t, b, c, 0), "step": (0, b, c, n)}[layer.passing]
        masked[t, b, c, n] = mask[at] * key[t, b, c, n]
    assert 0 < mask.mean() < 1, "the mask is the same everywhere: nothing is chosen"
    return slow.project(masked, "project", 1.0), slow


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("passing", FORMS)
def test_it_is_that_of_a_slow_loop(passing, normalise) -> None:
    layer, (x, y) = attention(passing, normalise=normalise), tokens()
    with torch.no_grad():
        found = layer(x, y)
    expected, slow = slow_attention(layer, x.numpy(), y.numpy(), 0.6)
    assert slow.margin > 1e-9
    assert_active(found)
    torch.testing.assert_close(found, torch.from_numpy(expected))


@pytest.mark.parametrize("passing", ["token", "channel"])
def test_no_step_looks_ahead_unless_steps_are_summed(passing) -> None:
    (x, y), (later_x, later_y) = tokens(), tokens(seed=1)
    changed = [torch.cat([one[:1], other[1:]]) for one, other in ((x, later_x), (y, later_y))]
    with torch.no_grad():
        layer = attention(passing)
        assert_active(layer(x, y)[:1])
        assert torch.equal(layer(x, y)[:1], layer(*changed)[:1])
        summed = attention("step")
        assert not torch.equal(summed(x, y)[:1], summed(*changed)[:1])


def test_only_the_mask_has_the_other_threshold_and_heads_must_fit() -> None:
    settings = NeuronSettings()
    layer = QKAttention(D, HEADS, "token", settings, attention_neuron=settings.with_threshold(0.25))
    thresholds = [part.neuron.dynamics.threshold for part in (layer.query, layer.key, layer, layer.project)]
    assert thresholds == [1, 1, 0.25, 1]
    with pytest.raises(ColliculusError, match="`heads` is 4, and a width of 6"):
        QKAttention(6, 4, "token")
