from __future__ import annotations

import itertools

import pytest
import torch
from active import assert_active, awake

from colliculus import ColliculusError
from colliculus.fusion import SpikingCrossAttention, Sum
from colliculus.fusion.sca import BiasedScores, LearnedPositionBias, RandomPositionBias, relative_places
from colliculus.neurons import LIF, NeuronSettings

T, B, D = 3, 2, 8


def tokens(seed=0, **counts):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randint(0, 3, (T, B, D, n), generator=generator).float() for m, n in counts.items()}


def fusion(grids, **changes):
    return SpikingCrossAttention(grids, **{"dim": D, "heads": 2, "join": Sum(), "neuron": NeuronSettings(), **changes})


def test_distances_of_a_slow_loop() -> None:
    rows, columns = relative_places((3, 2), (3, 2))
    places = [(r, c) for r in range(3) for c in range(2)]
    for i, (row, column) in enumerate(places):
        for j, (other_row, other_column) in enumerate(places):
            assert (rows[i, j], columns[i, j]) == (row - other_row, column - other_column)


def test_distances_between_unequal_grids_by_a_slow_loop() -> None:
    target, source = (2, 3), (3, 5)
    rows, columns = relative_places(target, source)
    bias = LearnedPositionBias(target, source)
    with torch.no_grad():
        bias.table.copy_(torch.arange(15.0).view(3, 5))
    found = bias(torch.zeros(6, 15))
    for i in range(6):
        for j in range(15):
            down = i // 3 - (j // 5) * 2 // 3
            right = i % 3 - (j % 5) * 3 // 5
            assert (rows[i, j], columns[i, j]) == (down, right)
            assert found[i, j] == bias.table[down + 1, right + 2]


def test_a_coarser_grid_stands_at_the_nearest_places() -> None:
    rows, columns = relative_places((4, 4), (2, 2))
    assert rows.shape == (16, 4)
    assert rows[0].tolist() == [0, 0, -2, -2]
    assert columns[0].tolist() == [0, -2, 0, -2]


def test_the_learned_bias_is_read_by_distance_and_learns() -> None:
    bias = LearnedPositionBias((2, 2), (2, 2))
    with torch.no_grad():
        bias.table.copy_(torch.arange(9.0).view(3, 3))
    assert bias(torch.zeros(4, 4))[0].tolist() == [4, 3, 1, 0]  # same place, one left, one up, both
    bias(torch.zeros(1, 4, 4)).sum().backward()
    assert bias.table.grad[1, 1] == 4  # every token meets itself once


def test_the_random_bias_is_the_seed_and_nothing_else() -> None:
    known, unknown = RandomPositionBias((3, 3), (3, 3)), RandomPositionBias(None, None)
    scores = torch.zeros(1, 9, 9)
    drawn = []
    for module in (known, unknown, unknown):
        torch.manual_seed(5)
        drawn.append(module.eval()(scores))
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])
    torch.manual_seed(5)
    table = torch.randn(7, 7)  # as the released program draws it, for distances of -3 to 3
    for i, j in itertools.product(range(9), repeat=2):
        assert drawn[0][0, i, j] == table[i // 3 - j // 3 + 3, i % 3 - j % 3 + 3]
    assert not torch.equal(unknown(scores), unknown(scores))  # anew at every forward, test included
    with pytest.raises(ColliculusError, match="equal squares"):
        unknown(torch.zeros(1, 8, 8))


def test_scores_become_spikes() -> None:
    bias = LearnedPositionBias((1, 2), (1, 2))
    with torch.no_grad():
        bias.table.copy_(torch.tensor([[0.0, 2.0, 0.0]]))
    spikes = BiasedScores(bias, LIF())(torch.zeros(1, 1, 1, 2, 2))
    assert spikes[0, 0, 0].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("arithmetic", ["ours", "reference"])
def test_what_is_received_replaces_the_tokens(arithmetic) -> None:
    x = tokens(audio=4, visual=4)
    module = awake(fusion({"audio": (2, 2), "visual": (2, 2)}, arithmetic=arithmetic), x, current=2.0)
    torch.manual_seed(0)
    fused = module(x)
    torch.manual_seed(0)
    received = module.attention["audio_from_visual"](x["audio"], x["visual"])
    assert_active(received)
    torch.testing.assert_close(fused.residual["audio"], received.mean(-1))
    alone = module({"audio": x["audio"]})
    torch.testing.assert_close(alone.residual["audio"], x["audio"].mean(-1))


def test_the_reference_biases_only_what_a_later_modality_receives() -> None:
    attention = fusion({"audio": (2, 2), "visual": (2, 2)}, arithmetic="reference").attention
    assert isinstance(attention["visual_from_audio"].scores, BiasedScores)
    assert not isinstance(attention["audio_from_visual"].scores, BiasedScores)


def test_three_modalities_receive_the_mean_of_the_others() -> None:
    grids = {"audio": (2, 2), "visual": (3, 3), "touch": (1, 2)}
    x = tokens(audio=4, visual=9, touch=2)
    module = awake(fusion(grids), x)
    given = [module.attention[f"touch_from_{other}"](x["touch"], x[other]) for other in ("audio", "visual")]
    assert_active(*given)
    torch.testing.assert_close(module(x).residual["touch"], torch.stack(given).mean(0).mean(-1))


def test_a_learned_bias_needs_the_grids() -> None:
    with pytest.raises(ColliculusError, match="sizes"):
        fusion({"audio": None, "visual": None})


def test_the_learned_bias_starts_small_with_a_number_for_every_distance() -> None:
    bias = LearnedPositionBias((20, 30), (4, 5))
    assert {name: value.shape for name, value in bias.state_dict().items()} == {"table": (39, 59)}
    assert bias.table.std().item() == pytest.approx(0.02, rel=0.1)
