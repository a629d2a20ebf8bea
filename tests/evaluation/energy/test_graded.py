"""Graded spikes are counted unfolded: a spike of level k is k binary ones; a ReLU sends numbers."""

from __future__ import annotations

import pytest
import torch

from colliculus.evaluation.energy.cost import TABLES, spiking_neurons
from colliculus.evaluation.energy.count import count, together
from colliculus.evaluation.energy.events import GradedSpikes, events_of
from colliculus.evaluation.energy.products import convolution, linear, matrix_product
from colliculus.evaluation.energy.totals import Tally
from colliculus.neurons import GradedDynamics, GradedNeuron, ReLUNeuron, unfold

FP32 = TABLES["45nm-fp32"]


def graded():
    return GradedNeuron(dynamics=GradedDynamics(levels=8, step=0.5))


def test_a_network_of_two_layers_is_counted_as_by_hand(two_layers, picture) -> None:
    # Eight of nine pixels are 0.5: currents 2.5, level 5, at both steps (nothing is left). The middle tap of the second
    # convolution makes 12.5 of it where it meets a bright pixel: three of four places of one channel send level 8.
    counts = count(two_layers(2, graded), [picture])
    first, second, *_ = (x for x in counts.layers if x.decides)
    assert (first.mac, first.ac, first.values) == (2 * 45, 0, "numbers")
    # Binary spikes at the same pixels are used 2 * 2 * 15 times (see test_count.py); each is five of them here.
    assert (second.mac, second.ac, second.values) == (0, 5 * 2 * 2 * 15, "spikes")
    assert (second.events, second.inputs, second.rate) == (5 * 16, 18, 5 * 8 / 9)
    assert second.dense_uses == 2 * 2 * 16  # of an artificial network, which has no levels
    assert [(n.neurons, n.updates, n.spikes, n.levels) for n in counts.neurons] == [
        (9, 8 * 18, 5 * 16, 8),
        (8, 8 * 16, 8 * 6, 8),
    ]


def test_the_unfolded_network_makes_the_same_operations() -> None:
    """Count the binary spikes of all micro-steps, sent through the same weights."""
    torch.manual_seed(0)
    neuron, known = graded(), GradedSpikes((0.5,))
    currents = 2 * torch.randn(2, 3, 4, 6, 6)
    weight = torch.randn(5, 4, 3, 3)
    spikes, binary = neuron(currents), unfold(neuron)(currents)
    for settings in ({"padding": 1}, {"stride": 2}):
        result = torch.conv2d(spikes.flatten(0, 1), weight, **settings)
        ours = convolution(result, {}, spikes.flatten(0, 1), weight, **settings, graded=known)
        theirs = convolution(
            torch.conv2d(binary.flatten(0, 1), weight, **settings), {}, binary.flatten(0, 1), weight, **settings
        )
        assert (ours.values, ours.events, ours.uses) == (theirs.values, theirs.events, theirs.uses)
        assert ours.uses > convolution(result, {}, spikes.flatten(0, 1), weight, **settings).uses  # without the levels
    flat, map_ = spikes.flatten(2), torch.randn(7, 144)
    found = linear(flat @ map_.T, {}, flat, map_, graded=known)
    assert (found.events, found.uses) == (int(binary.sum()), 7 * int(binary.sum()))
    assert found.dense_uses == 7 * flat.numel()


def test_levels_meet_levels_and_scores_are_no_spikes() -> None:
    left, right = (
        torch.tensor([[0.5, 1.0], [0.0, 2.0]]),
        torch.tensor([[1.0, 0.0], [0.5, 0.5]]),
    )  # levels 1 2 0 4; 2 0 1 1
    sent = frozenset(x.untyped_storage().data_ptr() for x in (left, right))
    known = GradedSpikes((0.5,), sent)
    found = matrix_product(left @ right.mT, {}, left, right.mT, graded=known)
    # sums over the pairs of rows: (1*2 + 2*0) + (1*1 + 2*1) + (0*2 + 4*0) + (0*1 + 4*1)
    assert (found.uses, found.values, found.events, found.dense_uses) == (2 + 3 + 0 + 4, "spikes", 7, 8)
    scores = left @ right.mT  # 0.5, 0.75, 0, 1 as numbers: each that is not 0 is read once by each level it meets
    weighed = matrix_product(scores @ right, {}, scores, right, graded=known)
    assert (weighed.uses, weighed.values) == (1 * 2 + 2 * (1 + 1), "spikes")
    whole = 2 * scores.round()  # multiples of the unit, and still no spikes
    assert matrix_product(whole @ right, {}, whole, right, graded=known).uses == (whole != 0).double().sum(
        0
    ) @ torch.tensor([2.0, 2.0], dtype=torch.float64)


def test_the_unit_is_the_largest_that_divides_all() -> None:
    assert events_of(torch.tensor([0.0, 1.0]), (0.5, 1.0))[0].tolist() == [0, 1]
    levels, values = events_of(torch.tensor([0.3, 0.9, 0.0]), (0.3,))  # a step that is no power of two
    assert (levels.tolist(), values) == ([1, 3, 0], "spikes")
    assert events_of(torch.tensor([0.25, 0.5]), (0.5,))[1] == "numbers"
    assert events_of(torch.tensor([-0.5, 0.5]), (0.5,))[1] == "numbers"


def test_data_are_no_spikes_even_if_they_are_multiples_of_the_unit(two_layers, picture) -> None:
    first = count(two_layers(1, graded), [{"x": (picture["x"] > 0).float() * 2}]).layers[0]
    assert (first.values, first.mac, first.events) == ("counts", 45, 8)


def test_attention_of_graded_spikes(attended_by) -> None:
    # q, k and v send 5 * level-5-spikes: currents 5 * 1.0 are clipped to level 8
    x = torch.tensor([[1.0, 1.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    layers = {e.name: e for e in count(attended_by(graded), [{"x": x}]).layers if e.decides}
    scores, weighed = (layers[f"encoders.x.attention {name}"] for name in ("q k^T", "(q k^T) v"))
    assert (scores.ac, scores.mac) == (8 * 8 * 5, 0)
    assert (weighed.ac, weighed.mac) == (8 * 6, 0)


def test_the_counterpart_compares_each_value_once(two_layers, picture) -> None:
    counts, counterpart = count(two_layers(2, graded), [picture]), count(two_layers(1, graded), [picture])
    tally = Tally(counts=counts, counterpart=counterpart, sequences=False)
    relu = count(two_layers(1, ReLUNeuron), [picture])
    theirs = Tally(counts=counts, counterpart=relu, sequences=False)
    ours = tally.costs(FP32).counterparts["artificial"]
    assert ours == theirs.costs(FP32).counterparts["artificial"]
    assert tally.bits == 5  # 16 binary spikes in two steps: 17 levels
    assert tally.operations().spikes == 5 * 16 + 8 * 6
    assert tally.spiking


def test_a_relu_sends_numbers(two_layers, picture) -> None:
    counts = count(two_layers(1, ReLUNeuron), [picture])
    _, second, _ = (x for x in counts.layers if x.decides)
    assert (second.values, second.ac, second.mac) == ("numbers", 0, 2 * 15)
    assert [(n.updates, n.spikes, n.levels) for n in counts.neurons] == [(9, 0, 0), (8, 0, 0)]
    assert spiking_neurons(counts.neurons[0], FP32).total_nj == pytest.approx(9 * FP32.ac_pj / 1000)
    tally = Tally(counts=together([counts]), counterpart=counts, sequences=False)
    assert not tally.spiking
    costs = tally.costs(FP32)
    assert [*costs.counterparts] == ["artificial"]
    assert costs.break_even_rate["artificial"].total is None
    assert tally.operations().spikes == 0
