"""Exchange by Q-K attention against loops over single numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from active import assert_active, awake
from slow_fusion import SlowFusion

from colliculus.fusion import CrossModalQKAttention, HierarchicalExchange, QKExchange, Sum
from colliculus.fusion.places import nearest_tokens
from colliculus.neurons import NeuronSettings

T, B, D, HEADS, THRESHOLD = 3, 4, 6, 2, 0.6
GRIDS = {"a": (2, 2), "v": (2, 3), "t": (1, 2)}


def tokens(modalities, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = {m: GRIDS[m][0] * GRIDS[m][1] for m in modalities}
    return {m: torch.randint(0, 3, (T, B, D, n), generator=generator).double() for m, n in sizes.items()}


def exchange(modalities, **settings):
    torch.manual_seed(0)
    grids = {m: GRIDS[m] for m in modalities}

    def attention(pair):
        return CrossModalQKAttention(D, HEADS, grids=pair, threshold=THRESHOLD, **settings)

    made = QKExchange(grids, attention, alpha=0.5).double()
    with torch.no_grad():
        made.weights.add_(torch.arange(len(grids)))
    return awake(made, tokens(modalities), current=0.6)


def slow_branch(slow, name, x, y, form):
    query, key = slow.project(x, f"{name}.query", 1.0), slow.project(y, f"{name}.key", 1.0)
    places = list(product(*map(range, query.shape)))

    def mask_place(t, b, c, n):
        return {"token": (t, b, c // (D // HEADS), n), "channel": (t, b, c, 0), "step": (0, b, c, n)}[form]

    shape = {"token": (T, B, HEADS, x.shape[3]), "channel": (T, B, D, 1), "step": (1, B, D, x.shape[3])}[form]
    asked, masked = np.zeros(shape), np.zeros_like(key)
    for place in places:
        asked[mask_place(*place)] += query[place]
    mask = slow.lif(slow.normalise(asked, f"{name}.norm"), THRESHOLD)
    for place in places:
        masked[place] = mask[mask_place(*place)] * key[place]
    return slow.project(masked, f"{name}.project", 1.0)


def slow_exchange(made, given, forms):
    slow = SlowFusion({name: value.numpy() for name, value in made.state_dict().items()}, {})
    arrays, streams, residuals = {m: x.numpy() for m, x in given.items()}, {}, {}
    for place, m in enumerate(made.modalities):
        if m not in arrays:
            continue
        others = [o for o in arrays if o != m]
        received = np.zeros_like(arrays[m])
        for o in others:
            placed = arrays[o][..., nearest_tokens(GRIDS[m], GRIDS[o]).numpy()]
            for number, form in enumerate(forms):
                name = f"attention.{m}_from_{o}.branches.{number}"
                received = received + slow_branch(slow, name, arrays[m], placed, form) / len(others)
        residuals[m] = received
        streams[m] = arrays[m] + slow.weights["weights"][place] * received
    return streams, residuals, slow


@pytest.mark.parametrize("modalities", ["av", "avt"])
@pytest.mark.parametrize(
    ("settings", "forms"),
    [
        ({}, ("channel", "step")),
        ({"spatial": "token"}, ("token", "step")),
        ({"branches": "spatial"}, ("channel",)),
        ({"branches": "temporal"}, ("step",)),
    ],
)
def test_it_is_that_of_a_slow_loop(modalities, settings, forms) -> None:
    made, given = exchange(modalities, **settings), tokens(modalities)
    with torch.no_grad():
        streams, residual = made(given)
    expected, expected_residual, slow = slow_exchange(made, given, forms)
    assert slow.margin > 1e-9
    for m in modalities:
        assert_active(residual[m])
        torch.testing.assert_close(residual[m], torch.from_numpy(expected_residual[m]))
        torch.testing.assert_close(streams[m], torch.from_numpy(expected[m]))


def test_an_absent_modality_gives_nothing_and_one_alone_receives_nothing() -> None:
    made, given = exchange("avt"), tokens("avt")
    there = {m: given[m] for m in "av"}
    with torch.no_grad():
        streams, _ = made(there)
    expected, *_ = slow_exchange(made, there, ("channel", "step"))
    for m in "av":
        assert_active(streams[m] - given[m])
        torch.testing.assert_close(streams[m], torch.from_numpy(expected[m]))
    alone, residual = made({"a": given["a"]})
    assert torch.equal(alone["a"], given["a"])
    assert not residual["a"].any()


def test_the_weights_of_what_is_received_learn() -> None:
    made, given = exchange("av"), tokens("av")
    streams, residual = made(given)
    streams["a"].sum().backward()
    torch.testing.assert_close(made.weights.grad[0], residual["a"].sum())
    assert made.weights.grad[1] == 0


def test_exchanges_and_stages_alternate() -> None:
    """Two exchanges with a stage between them that doubles: the second sees doubled streams of the first."""

    class Doubled(torch.nn.Module):
        def forward(self, x):
            return 2 * x

    modalities, given = "av", tokens("av")
    first, second = exchange(modalities), exchange(modalities)
    torch.manual_seed(1)
    stages = {m: [Doubled()] for m in modalities}
    fusion = HierarchicalExchange([first, second], stages, dim=D, join=Sum(), neuron=NeuronSettings()).double().eval()
    with torch.no_grad():
        fused = fusion(given)
        streams, residual = second({m: 2 * x for m, x in first(given)[0].items()})
        expected = {m: fusion.mlp[m](x).mean(-1) for m, x in streams.items()}
    for m in modalities:
        assert_active(fused.streams[m])
        torch.testing.assert_close(fused.streams[m], expected[m])
        torch.testing.assert_close(fused.residual[m], residual[m].mean(-1))
        assert [type(part) for part in fusion.modules_of(m)] == [Doubled]
