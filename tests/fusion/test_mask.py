from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from active import assert_active, awake
from slow_fusion import SlowFusion

from colliculus import ColliculusError
from colliculus.fusion.mask import MaskedAttention
from colliculus.fusion.places import nearest_tokens
from colliculus.neurons import NeuronSettings

T, B, D = 3, 4, 6
GRIDS = {"same": ((2, 2), (2, 2)), "other": ((2, 3), (1, 2))}


def tokens(grids, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 3, (T, B, D, r * c), generator=generator).double() for r, c in grids]


def attention(grids, **settings):
    torch.manual_seed(0)
    return awake(MaskedAttention(D, grids=grids, **settings).double(), *tokens(grids), current=0.4)


def slow_mask(layer, grids, x, y, threshold):
    """The layer by loops over single numbers, and the loops, which know how near a membrane came to its threshold."""
    weights = {name: value.numpy() for name, value in layer.state_dict().items()}
    slow = SlowFusion(weights, {})
    placed = y[..., nearest_tokens(*grids).numpy()]
    query = slow.project(x, "query", threshold)
    key, value = slow.project(placed, "key", threshold), slow.project(placed, "value", threshold)
    together = np.zeros((*x.shape[:3], 1))
    for t, b, c, n in product(*map(range, x.shape)):
        together[t, b, c, 0] += float(query[t, b, c, n] == 1 and key[t, b, c, n] == 1)
    mask = slow.lif(slow.normalise(together, "norm"), threshold)
    out = np.zeros_like(x)
    for t, b, c, n in product(*map(range, x.shape)):
        out[t, b, c, n] = mask[t, b, c, 0] * value[t, b, c, n]
    return out, slow


@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_it_is_that_of_a_slow_loop(grids, threshold) -> None:
    layer, (x, y) = attention(grids, threshold=threshold), tokens(grids)
    with torch.no_grad():
        found = layer(x, y)
    expected, slow = slow_mask(layer, grids, x.numpy(), y.numpy(), threshold)
    assert slow.margin > 1e-9
    assert_active(found)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(found, torch.from_numpy(expected))


def test_a_channel_passes_as_a_whole_or_not_at_all() -> None:
    grids = GRIDS["same"]
    layer, (x, y) = attention(grids), tokens(grids)
    with torch.no_grad():
        found, value = layer(x, y), layer.value(y)
    assert_active(found, value)
    passed = found.sum(-1) > 0
    assert torch.equal(found, value * passed[..., None])
    assert bool((value.sum(-1)[~passed] > 0).any())  # some were masked


@pytest.mark.parametrize("kind", ["lif", "graded"])
def test_no_step_looks_ahead(kind) -> None:
    grids = GRIDS["other"]
    layer = attention(grids, neuron=NeuronSettings(kind=kind))
    before, after = tokens(grids), tokens(grids, seed=1)
    changed = [torch.cat([x[:1], later[1:]]) for x, later in zip(before, after, strict=True)]
    with torch.no_grad():
        first, second = layer(*before), layer(*changed)
    assert_active(first[:1], second[1:])
    assert torch.equal(first[:1], second[:1])
    assert not torch.equal(first[1:], second[1:])


def test_only_the_neurons_inside_have_the_threshold_and_the_norm_may_be_left_out() -> None:
    layer = MaskedAttention(D, grids=GRIDS["same"], threshold=0.3, normalise=False)
    neurons = [layer.query.neuron, layer.key.neuron, layer.value.neuron, layer.neuron]
    assert [neuron.dynamics.threshold for neuron in neurons] == [0.3] * 4
    assert not [name for name, _ in layer.named_parameters() if name.startswith("norm")]
    assert not hasattr(MaskedAttention(D, grids=GRIDS["same"], neuron=NeuronSettings(kind="relu")).neuron, "threshold")


def test_tokens_of_unknown_grids_must_be_as_many() -> None:
    layer = MaskedAttention(D, grids=(None, None))
    with pytest.raises(ColliculusError, match="different numbers of tokens, 4 and 2"):
        layer(torch.zeros(T, B, D, 4), torch.zeros(T, B, D, 2))
