"""Counts priced by cost tables: a row per layer, totals per clip, and the ANN counterparts to compare with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from colliculus.evaluation.energy.cost import (
    Cost,
    CostTable,
    break_even_rate,
    dense_layer,
    dense_neurons,
    quantised_bits,
    spiking_layer,
    spiking_neurons,
)
from colliculus.evaluation.energy.count import Counts, LayerCount, NeuronCount
from colliculus.evaluation.energy.products import Values


@dataclass(frozen=True, kw_only=True)
class ClipCost:
    """Energy of one clip in nanojoules, by use; see `Cost`."""

    compute_nj: float
    addressing_nj: float
    memory_nj: float
    total_nj: float

    @classmethod
    def of(cls, cost: Cost) -> ClipCost:
        """The same energy in nanojoules."""
        return cls(
            compute_nj=cost.compute_pj / 1000,
            addressing_nj=cost.addressing_pj / 1000,
            memory_nj=cost.memory_pj / 1000,
            total_nj=cost.total_pj / 1000,
        )


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer, or one layer of neurons, per clip: what `LayerCount` counts, and the energy in nanojoules.

    Args:
        layer: name of the module.
        kind: of the product, or "neurons".
        values: what it multiplies by.
        decides: whether the decision depends on it.
        steps: T.
        repeats: how often it sees the same input.
        inputs: values that went in; of neurons, updates.
        events: non-zero inputs; of neurons, spikes.
        rate: events per input.
        mac: multiply-accumulates.
        ac: accumulates.
        conventional: operations as usually reported, rate x T x MACs.
        dense: operations if no value were zero.
        counterpart_mac: multiply-accumulates of the layer in the ANN counterpart.
        compute_nj: energy of the operations.
        addressing_nj: energy of address computations.
        memory_nj: energy of reads and writes.
        total_nj: the sum.
    """

    layer: str
    kind: Literal["convolution", "linear", "product", "neurons"]
    values: Values
    decides: bool
    steps: int
    repeats: int
    inputs: float
    events: float
    rate: float
    mac: float = 0.0
    ac: float = 0.0
    conventional: float = 0.0
    dense: float = 0.0
    counterpart_mac: float = 0.0
    compute_nj: float
    addressing_nj: float
    memory_nj: float
    total_nj: float


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Operations of one clip in the layers that decide.

    Args:
        mac: multiply-accumulates.
        mac_first_layer_once: the same where a first layer with a static input runs once.
        ac: accumulates.
        conventional: operations as usually reported, rate x T x MACs.
        counterpart_mac: multiply-accumulates of the ANN counterpart at one step.
        neuron_updates: membrane updates.
        share_of_uses_by_spikes: accumulates among the operations behind the first layers.
    """

    mac: float
    mac_first_layer_once: float
    ac: float
    conventional: float
    counterpart_mac: float
    neuron_updates: float
    share_of_uses_by_spikes: float


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """Mean rate at which the spiking network costs as much; None where no rate is low enough."""

    compute: float | None
    total: float | None


@dataclass(frozen=True, kw_only=True)
class TableCosts:
    """Energies of one clip at one cost table.

    Args:
        cost_table: its name.
        mac_pj: energy of a multiply-accumulate.
        ac_pj: energy of an accumulate.
        bits: width of a number.
        source: origin of the figures.
        spiking: the spiking network as it runs.
        spiking_first_layer_once: the same where a first layer with a static input runs once.
        of_it_neurons: the part that membrane updates take.
        conventional_nj: energy of the operations as usually reported.
        counterparts: ANN counterparts by name: "artificial" and "quantised" (activations of few bits) look once; with
            "_every_step" they look at every step of a sequence.
        break_even_rate: for each counterpart.
    """

    cost_table: str
    mac_pj: float
    ac_pj: float
    bits: int
    source: str
    spiking: ClipCost
    spiking_first_layer_once: ClipCost
    of_it_neurons: ClipCost
    conventional_nj: float
    counterparts: dict[str, ClipCost]
    break_even_rate: dict[str, BreakEven]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of a spiking network and of its ANN counterpart; every result is per clip.

    Args:
        counts: of the spiking network on real data.
        counterpart: of the same layers at a single step; their dense counts are those of an artificial network.
        sequences: whether some modality is a sequence, of which the counterpart sees one frame.
    """

    counts: Counts
    counterpart: Counts
    sequences: bool

    @property
    def rate(self) -> float:
        """Mean rate: share of the uses behind the first layers that an event drives."""
        behind = [x for x in self._layers if not x.first]
        return sum(x.uses for x in behind) / max(sum(x.dense_uses for x in behind), 1)

    @property
    def bits(self) -> int:
        """Activation width of the quantised counterpart."""
        return quantised_bits(max(x.steps for x in self.counts.layers))

    @property
    def _layers(self) -> list[LayerCount]:
        return [x for x in self.counts.layers if x.decides]

    @property
    def _neurons(self) -> list[NeuronCount]:
        return [x for x in self.counts.neurons if x.decides]

    def rows(self, table: CostTable) -> tuple[LayerRow, ...]:
        """A row for each layer, then for each layer of neurons."""
        counterpart = {(x.name, x.decides): x.dense_uses / self.counterpart.samples for x in self.counterpart.layers}
        layers = (
            _layer_row(x, self.counts.samples, counterpart.get((x.name, x.decides), 0.0), table)
            for x in self.counts.layers
        )
        return *layers, *(_neuron_row(n, self.counts.samples, table) for n in self.counts.neurons)

    def operations(self) -> Operations:
        """Operations of the layers that decide."""
        layers, samples = self._layers, self.counts.samples
        behind = [x for x in layers if not x.first]
        return Operations(
            mac=sum(x.mac for x in layers) / samples,
            mac_first_layer_once=sum(x.mac / x.repeats for x in layers) / samples,
            ac=sum(x.ac for x in layers) / samples,
            conventional=sum(x.conventional for x in layers) / samples,
            counterpart_mac=sum(x.dense_uses for x in self.counterpart.layers if x.decides) / self.counterpart.samples,
            neuron_updates=sum(n.updates for n in self._neurons) / samples,
            share_of_uses_by_spikes=sum(x.ac for x in behind) / max(sum(x.uses for x in behind), 1),
        )

    def costs(self, table: CostTable) -> TableCosts:
        """Energies, spiking and artificial, and the rates at which they break even."""
        samples = self.counts.samples
        firsts = [x for x in self._layers if x.first]
        first = _sum(spiking_layer(x, table) for x in firsts).times(1 / samples)
        once = _sum(spiking_layer(x, table).times(1 / x.repeats) for x in firsts).times(1 / samples)
        behind = _sum(spiking_layer(x, table) for x in self._layers if not x.first).times(1 / samples)
        neurons = _sum(spiking_neurons(n, table) for n in self._neurons).times(1 / samples)
        usual = sum(x.conventional * (table.ac_pj if x.values == "spikes" else table.mac_pj) for x in self._layers)
        counterparts = self._counterparts(table)
        return TableCosts(
            cost_table=table.name,
            mac_pj=table.mac_pj,
            ac_pj=table.ac_pj,
            bits=table.bits,
            source=table.source,
            spiking=ClipCost.of(first + behind + neurons),
            spiking_first_layer_once=ClipCost.of(once + behind + neurons),
            of_it_neurons=ClipCost.of(neurons),
            conventional_nj=usual / samples / 1000,
            counterparts={name: ClipCost.of(cost) for name, cost in counterparts.items()},
            break_even_rate={
                name: _break_even(self.rate, fixed=once + neurons, behind=behind, ann=ann)
                for name, ann in counterparts.items()
            },
        )

    def _counterparts(self, table: CostTable) -> dict[str, Cost]:
        """Artificial networks of the same layers: one look or every step, at full width or quantised."""
        looks = {"": self.counterpart} | ({"_every_step": self.counts} if self.sequences else {})
        widths = {"artificial": None, "quantised": self.bits}
        return {
            name + look: _artificial(counts, table, activation_bits=bits)
            for name, bits in widths.items()
            for look, counts in looks.items()
        }


def _layer_row(x: LayerCount, samples: int, counterpart_mac: float, table: CostTable) -> LayerRow:
    return LayerRow(
        layer=x.name,
        kind=x.kind,
        values=x.values,
        decides=x.decides,
        steps=x.steps,
        repeats=x.repeats,
        inputs=x.inputs / samples,
        events=x.events / samples,
        rate=x.rate,
        mac=x.mac / samples,
        ac=x.ac / samples,
        conventional=x.conventional / samples,
        dense=x.dense_uses / samples,
        counterpart_mac=counterpart_mac,
        **vars(ClipCost.of(spiking_layer(x, table).times(1 / samples))),
    )


def _neuron_row(n: NeuronCount, samples: int, table: CostTable) -> LayerRow:
    return LayerRow(
        layer=n.name,
        kind="neurons",
        values="numbers",
        decides=n.decides,
        steps=n.updates // (n.neurons * samples),
        repeats=1,
        inputs=n.updates / samples,
        events=n.spikes / samples,
        rate=n.spikes / n.updates,
        **vars(ClipCost.of(spiking_neurons(n, table).times(1 / samples))),
    )


def _break_even(rate: float, *, fixed: Cost, behind: Cost, ann: Cost) -> BreakEven:
    def at(kind: Literal["compute_pj", "total_pj"]) -> float | None:
        return break_even_rate(
            rate, fixed_pj=getattr(fixed, kind), spiking_pj=getattr(behind, kind), ann_pj=getattr(ann, kind)
        )

    return BreakEven(compute=at("compute_pj"), total=at("total_pj"))


def _artificial(counts: Counts, table: CostTable, *, activation_bits: int | None) -> Cost:
    layers = _sum(dense_layer(x, table, activation_bits=activation_bits) for x in counts.layers if x.decides)
    return (layers + _sum(dense_neurons(n, table) for n in counts.neurons if n.decides)).times(1 / counts.samples)


def _sum(costs: Iterable[Cost]) -> Cost:
    return sum(costs, Cost())
