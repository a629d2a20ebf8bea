from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from colliculus.evaluation.energy.cost import (
    TABLES,
    CostTable,
    break_even_rate,
    dense_layer,
    memory_pj,
    quantised_bits,
    spiking_layer,
    spiking_neurons,
)
from colliculus.evaluation.energy.count import count
from colliculus.evaluation.energy.totals import Tally
from colliculus.methods import LateFusion
from colliculus.neurons import NeuronSettings, ReLUNeuron
from colliculus.types import ColliculusError, DataSpec

FP32 = TABLES["45nm-fp32"]


@pytest.fixture
def tally(two_layers, picture):
    return Tally(counts=count(two_layers(2), [picture]), counterpart=count(two_layers(1), [picture]), sequences=False)


@pytest.mark.parametrize(
    ("name", "mac", "ac"),
    [("45nm-fp32", 4.6, 0.9), ("45nm-fp16", 1.5, 0.4), ("45nm-int32", 3.2, 0.1), ("45nm-int8", 0.23, 0.03)],
)
def test_the_tables_hold_the_published_figures(name, mac, ac):
    assert (TABLES[name].mac_pj, TABLES[name].ac_pj) == (mac, ac)
    assert "Horowitz" in TABLES[name].source


@pytest.mark.parametrize(
    "wrong", [{"ac_pj": 5.0}, {"ac_pj": 0.0}, {"mac_pj": float("nan")}, {"mac_pj": float("inf")}, {"bits": 0}], ids=str
)
def test_a_table_that_cannot_be_is_refused(wrong):
    with pytest.raises(ColliculusError, match="mine"):
        CostTable(**({"name": "mine", "mac_pj": 4.0, "ac_pj": 1.0, "bits": 32, "source": ""} | wrong))


def test_memory_costs_what_was_published_and_lies_on_lines_between():
    assert [memory_pj(1024 * kilobytes) for kilobytes in (1, 8, 32, 1024)] == [10, 10, 20, 100]
    assert memory_pj(1024 * 528) == pytest.approx(60)
    assert memory_pj(2 * 1024 * 1024) == pytest.approx(100 + 80 * 1024 / 992)
    assert TABLES["45nm-int8"].access_pj(8192) == 10 / 4  # four numbers share an access, and 8192 fill 8 kB
    assert FP32.access_pj(8192) == 20


def test_compute_of_two_layers_is_that_by_hand(tally):
    totals = tally.costs(FP32)
    neurons = (18 + 16) * (3.7 + 2 * 0.9)
    assert totals.of_it_neurons.compute_nj == pytest.approx(neurons / 1000)
    assert totals.spiking.compute_nj == pytest.approx((90 * 4.6 + 60 * 0.9 + 6 * 4.6 + neurons) / 1000)
    once = 45 * 4.6 + 60 * 0.9 + 6 * 4.6 + neurons
    assert totals.spiking_once.compute_nj == pytest.approx(once / 1000)
    # One step of every layer, zeros too, and a comparison for each of the 9 + 8 units.
    artificial = (49 + 2 * 16 + 2 * 3) * 4.6 + 17 * 0.9
    assert totals.counterparts["artificial"].compute_nj == pytest.approx(artificial / 1000)
    # T = 2 has three levels, two bits: behind the first layer a multiplication takes 2 / 32 of its energy.
    quantised = 49 * 4.6 + (2 * 16 + 2 * 3) * (0.9 + 3.7 * 2 / 32) + 17 * 0.9
    assert totals.counterparts["quantised"].compute_nj == pytest.approx(quantised / 1000)
    usual = 8 / 9 * 162 * 4.6 + 8 / 9 * 144 * 0.9 + 6 * 4.6
    assert totals.conventional_nj == pytest.approx(usual / 1000)


@pytest.mark.parametrize("table", TABLES)
def test_a_static_input_costs_relus_as_much_as_one_step(two_layers, picture, table):
    """The same weights at T = 1 and T = 3: the neurons are layers too."""
    torch.manual_seed(0)
    one, three = two_layers(1, ReLUNeuron), two_layers(3, ReLUNeuron)
    three.load_state_dict(one.state_dict())
    single = count(one, [picture])
    found, expected = (
        Tally(counts=counts, counterpart=single, sequences=False) for counts in (count(three, [picture]), single)
    )
    costs, of_one = found.costs(TABLES[table]), expected.costs(TABLES[table])
    assert vars(costs.spiking_once) == pytest.approx(vars(of_one.spiking))
    assert vars(costs.spiking) == pytest.approx({use: 3 * nj for use, nj in vars(of_one.spiking).items()})
    assert found.operations().mac_once == expected.operations().mac > 0


@pytest.mark.parametrize("kind", ["relu", "lif"])
def test_the_counterpart_of_every_step_runs_a_static_modality_once(kind):
    """Audio is static beside a sequence; layers alone, whose dense operations are those at one step."""
    sizes = dict.fromkeys(("audio", "visual"), (16, 16))
    spec = DataSpec(channels=dict.fromkeys(sizes, 1), sizes=sizes, num_classes=2, steps={"visual": 3})
    method = LateFusion(dim=16, encoder="shallow", time_steps=3, neuron=NeuronSettings(kind=kind))
    inputs = {m: torch.rand(spec.input_shape(m, 1)) for m in spec.modalities}
    every, single = (replace(count(each.model(spec), [inputs]), neurons=()) for each in (method, method.one_step()))
    costs = Tally(counts=every, counterpart=single, sequences=True).costs(FP32).counterparts
    still, moving = (
        sum(x.dense_uses for x in single.layers if x.decides and (".audio." in x.name) == of_audio)
        for of_audio in (True, False)
    )
    assert 0 < still < moving
    assert 1000 * costs["artificial"].compute_nj == pytest.approx(4.6 * (still + moving))
    assert 1000 * costs["artificial_every_step"].compute_nj == pytest.approx(4.6 * (still + 3 * moving))


def test_memory_and_addresses_of_a_spiking_convolution_are_those_by_hand(tally):
    layer = tally.counts.layers[1]  # 16 spikes, 60 uses; all memories are small: 10 pJ an access
    found = spiking_layer(layer, FP32)
    assert 1000 * found.memory_nj == pytest.approx(16 * 10 + 60 * (10 + 2 * 10))
    assert 1000 * found.addressing_nj == pytest.approx(16 * 2 * 3.2 + 60 * 0.1)


def test_a_layer_of_numbers_runs_dense_where_that_costs_less(tally):
    first = tally.counts.layers[0]
    found, dense = spiking_layer(first, FP32), dense_layer(first, FP32)
    # An input and a weight for each of 2 x 49 MACs, 2 x 9 outputs, against (1 + 2) x 90 potentials and weights.
    assert 1000 * found.memory_nj == 1000 * dense.memory_nj == pytest.approx(10 * (2 * 98 + 18))
    sparse = replace(first, uses=10, events=2)
    assert 1000 * spiking_layer(sparse, FP32).memory_nj == pytest.approx(10 * (2 + 3 * 10))
    assert 1000 * dense.addressing_nj == pytest.approx(0.1 * (18 + 18 + 2 * 9))


def test_an_update_of_a_neuron_reads_and_writes_its_potential(tally):
    neurons = tally.counts.neurons[0]
    assert 1000 * spiking_neurons(neurons, FP32).memory_nj == pytest.approx(10 * (2 * 18 + 16))


def test_a_layer_of_spikes_breaks_even_where_the_rule_of_thumb_says(tally):
    """Compute alone, without neurons: T * rate * AC = MAC, 4.6 / 0.9 = 5.1 operations for one (the rate is 5.1 / T)."""
    layer = tally.counts.layers[1]
    ann = tally.counterpart.layers[1]
    rate = layer.uses / layer.dense_uses
    found = break_even_rate(
        rate,
        fixed=0.0,
        spiking=spiking_layer(layer, FP32).compute_nj,
        ann=dense_layer(ann, FP32).compute_nj,
    )
    assert found == pytest.approx(4.6 / 0.9 / 2)


def test_at_the_rate_of_break_even_both_cost_the_same(tally):
    totals, rate = tally.costs(TABLES["45nm-fp16"]), tally.rate
    layers = [x for x in tally.counts.layers if x.decides and not x.first]
    behind = sum(spiking_layer(x, TABLES["45nm-fp16"]).total_nj for x in layers)
    fixed = totals.spiking_once.total_nj - behind
    for name, rates in totals.break_even_rate.items():
        there, artificial = rates.total, totals.counterparts[name].total_nj
        if there is None:
            assert fixed > artificial
        else:
            assert fixed + behind * there / rate == pytest.approx(artificial)


def test_no_rate_is_low_enough_where_what_is_fixed_costs_more():
    assert break_even_rate(0.1, fixed=5.0, spiking=1.0, ann=4.0) is None
    assert break_even_rate(0.0, fixed=0.0, spiking=0.0, ann=4.0) is None


def test_bits_tell_as_many_levels_as_steps():
    assert [quantised_bits(steps) for steps in (1, 2, 3, 4, 5, 15, 16)] == [1, 2, 2, 3, 3, 4, 5]


def test_rows_sum_to_the_totals(tally):
    rows = tally.rows(FP32)
    spiking = tally.costs(FP32).spiking.total_nj
    assert sum(row.total_nj for row in rows if row.decides) == pytest.approx(spiking)
    assert {row.layer: row.counterpart_mac for row in rows if row.decides}["encoders.x.second.conv"] == 32
