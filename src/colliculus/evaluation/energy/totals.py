"""Counts priced by cost tables: a row per layer, totals per clip, and the ANN counterparts to compare with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
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
from colliculus.evaluation.energy.products import Kind, Values


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer, or one layer of neurons, per clip: what `LayerCount` counts, and the energy in nanojoules.

    Args:
        layer: name of the module.
        kind: of the product, or "neurons".
        values: what it multiplies by.
        decides: whether the decision depends on it.
        steps: T.
        repeats: T where it computes the same at every step, so that it may run once; otherwise 1.
        inputs: values that went in; of neurons, updates.
        events: non-zero inputs, of graded spikes their levels; of neurons, spikes.
        rate: events per input; above 1 where graded spikes of many levels arrive.
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
    kind: Literal[Kind, "neurons"]
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
        mac_once: the same where what is the same at every step runs once: with a static input the first layer, and
            where neurons have no state every layer, except products over time.
        ac: accumulates.
        conventional: operations as usually reported, rate x T x MACs.
        counterpart_mac: multiply-accumulates of the ANN counterpart at one step.
        neuron_updates: membrane updates; D a step of a graded neuron.
        share_of_uses_by_spikes: accumulates among the operations behind the first layers.
        spikes: binary spikes that all neurons send; None in records of version 0.1.
    """

    mac: float
    mac_once: float
    ac: float
    conventional: float
    counterpart_mac: float
    neuron_updates: float
    share_of_uses_by_spikes: float
    spikes: float | None = None


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
        spiking_once: the same where what is the same at every step runs once, as in `Operations`.
        of_it_neurons: the part that membrane updates take.
        conventional_nj: energy of the operations as usually reported.
        counterparts: ANN counterparts by name: "artificial" and "quantised" (activations of few bits) look once; with
            "_every_step" they look at every step of a sequence, and what is the same at every step runs once.
        break_even_rate: for each counterpart.
    """

    cost_table: str
    mac_pj: float
    ac_pj: float
    bits: int
    source: str
    spiking: Cost
    spiking_once: Cost
    of_it_neurons: Cost
    conventional_nj: float
    counterparts: dict[str, Cost]
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
        """Mean rate: uses of events behind the first layers, per use of a layer whose inputs are all one event."""
        behind = [x for x in self._layers if not x.first]
        return sum(x.uses for x in behind) / max(sum(x.dense_uses for x in behind), 1)

    @property
    def bits(self) -> int:
        """Activation width of the quantised counterpart, as fine as the spikes of all steps together."""
        levels = max((n.levels for n in self.counts.neurons), default=1)
        return quantised_bits(max(x.steps for x in self.counts.layers) * max(levels, 1))

    @property
    def spiking(self) -> bool:
        """True if any neuron sends spikes; otherwise the network is an artificial one."""
        return any(n.levels for n in self.counts.neurons)

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
            mac_once=sum(x.mac / x.repeats for x in layers) / samples,
            ac=sum(x.ac for x in layers) / samples,
            conventional=sum(x.conventional for x in layers) / samples,
            counterpart_mac=sum(x.dense_uses for x in self.counterpart.layers if x.decides) / self.counterpart.samples,
            neuron_updates=sum(n.updates for n in self._neurons) / samples,
            share_of_uses_by_spikes=sum(x.ac for x in behind) / max(sum(x.uses for x in behind), 1),
            spikes=sum(n.spikes for n in self._neurons) / samples,
        )

    def costs(self, table: CostTable) -> TableCosts:
        """Energies, spiking and artificial, and the rates at which they break even."""
        samples = self.counts.samples
        layers = [(x, spiking_layer(x, table) / samples) for x in self._layers]
        neurons = [(n, spiking_neurons(n, table) / samples) for n in self._neurons]
        behind = _once((x, cost) for x, cost in layers if not x.first)
        fixed = _once([*((x, cost) for x, cost in layers if x.first), *neurons])
        usual = sum(x.conventional * (table.ac_pj if x.values == "spikes" else table.mac_pj) for x in self._layers)
        counterparts = self._counterparts(table)

        def even(ann: Cost, use: Literal["compute_nj", "total_nj"]) -> float | None:
            if not self.spiking:
                return None
            once, spiking, artificial = (getattr(cost, use) for cost in (fixed, behind, ann))
            return break_even_rate(self.rate, fixed=once, spiking=spiking, ann=artificial)

        return TableCosts(
            cost_table=table.name,
            mac_pj=table.mac_pj,
            ac_pj=table.ac_pj,
            bits=table.bits,
            source=table.source,
            spiking=_sum(cost for _, cost in (*layers, *neurons)),
            spiking_once=_once((*layers, *neurons)),
            of_it_neurons=_sum(cost for _, cost in neurons),
            conventional_nj=usual / samples / 1000,
            counterparts=counterparts,
            break_even_rate={
                name: BreakEven(compute=even(ann, "compute_nj"), total=even(ann, "total_nj"))
                for name, ann in counterparts.items()
            },
        )

    def _counterparts(self, table: CostTable) -> dict[str, Cost]:
        """Artificial networks of the same layers: one look or every step, at full width or quantised.

        A network that is artificial itself has no spikes, whose number would say how finely to quantise it.
        """
        looks = {"": self.counterpart} | ({"_every_step": self.counts} if self.sequences else {})
        widths = {"artificial": None} | ({"quantised": self.bits} if self.spiking else {})
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
        **vars(spiking_layer(x, table) / samples),
    )


def _neuron_row(n: NeuronCount, samples: int, table: CostTable) -> LayerRow:
    return LayerRow(
        layer=n.name,
        kind="neurons",
        values="numbers",
        decides=n.decides,
        steps=n.updates // (n.neurons * samples),
        repeats=n.repeats,
        inputs=n.updates / samples,
        events=n.spikes / samples,
        rate=n.spikes / n.updates,
        **vars(spiking_neurons(n, table) / samples),
    )


def _artificial(counts: Counts, table: CostTable, *, activation_bits: int | None) -> Cost:
    layers = ((x, dense_layer(x, table, activation_bits=activation_bits)) for x in counts.layers if x.decides)
    neurons = ((n, dense_neurons(n, table)) for n in counts.neurons if n.decides)
    return _sum(cost / part.artificial_repeats for part, cost in chain(layers, neurons)) / counts.samples


def _once(parts: Iterable[tuple[LayerCount | NeuronCount, Cost]]) -> Cost:
    """Cost of layers and neurons where what is the same at every step runs once."""
    return _sum(cost / part.repeats for part, cost in parts)


def _sum(costs: Iterable[Cost]) -> Cost:
    return sum(costs, Cost.of())
