"""Counts and costs brought together: a row for each layer, totals of a clip, and the twins to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from colliculus.evaluation.energy.cost import (
    CostTable,
    Energy,
    break_even_rate,
    dense_layer,
    dense_neurons,
    quantised_bits,
    spiking_layer,
    spiking_neurons,
)
from colliculus.evaluation.energy.count import Counts, LayerCount

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class EnergyReport:
    """What a decision costs, and what it would cost otherwise; all figures of one clip.

    Args:
        counts: of the spiking network on real data.
        twin: of the same layers at a single step, whose dense counts are those of an artificial network.
        sequences: whether some modality is a sequence, of which the twin sees one frame.
    """

    counts: Counts
    twin: Counts
    sequences: bool

    @property
    def rate(self) -> float:
        """Mean rate: share of the uses behind the first layers that an event drives."""
        behind = [x for x in self._layers if not x.first]
        return sum(x.uses for x in behind) / max(sum(x.dense_uses for x in behind), 1)

    @property
    def bits(self) -> int:
        """Width of the activations of the quantised twin."""
        return quantised_bits(max(x.steps for x in self.counts.layers))

    @property
    def _layers(self) -> list[LayerCount]:
        return [x for x in self.counts.layers if x.decides]

    def rows(self, table: CostTable) -> list[Row]:
        """A row for each layer and each layer of neurons, the same columns in all; energies in nanojoules."""
        samples = self.counts.samples
        twin_macs = {(x.name, x.decides): x.dense_uses / self.twin.samples for x in self.twin.layers}
        rows: list[Row] = []
        for x in self.counts.layers:
            energy = spiking_layer(x, table).times(1 / samples)
            rows.append(
                {
                    "layer": x.name,
                    "kind": x.kind,
                    "values": x.values,
                    "decides": x.decides,
                    "steps": x.steps,
                    "repeats": x.repeats,
                    "inputs": x.inputs / samples,
                    "events": x.events / samples,
                    "rate": x.rate,
                    "mac": x.mac / samples,
                    "ac": x.ac / samples,
                    "conventional": x.conventional / samples,
                    "dense": x.dense_uses / samples,
                    "twin_mac": twin_macs.get((x.name, x.decides), 0.0),
                    **_nanojoules(energy),
                }
            )
        for n in self.counts.neurons:
            empty = dict.fromkeys(("mac", "ac", "conventional", "dense", "twin_mac"), 0.0)
            rows.append(
                {
                    "layer": n.name,
                    "kind": "neurons",
                    "values": "numbers",
                    "decides": n.decides,
                    "steps": n.updates // (n.neurons * samples),
                    "repeats": 1,
                    "inputs": n.updates / samples,
                    "events": n.spikes / samples,
                    "rate": n.spikes / n.updates,
                    **empty,
                    **_nanojoules(spiking_neurons(n, table).times(1 / samples)),
                }
            )
        return rows

    def totals(self, table: CostTable) -> dict[str, Any]:
        """Energies of a clip in nanojoules, spiking and otherwise, and the rates at which they break even."""
        samples = self.counts.samples
        first = _sum(spiking_layer(x, table) for x in self._layers if x.first).times(1 / samples)
        once = _sum(spiking_layer(x, table).times(1 / x.repeats) for x in self._layers if x.first).times(1 / samples)
        behind = _sum(spiking_layer(x, table) for x in self._layers if not x.first).times(1 / samples)
        neurons = _sum(spiking_neurons(n, table) for n in self.counts.neurons if n.decides).times(1 / samples)
        twins = self._twins(table)
        return {
            "table": table.name,
            "mac_pj": table.mac_pj,
            "ac_pj": table.ac_pj,
            "bits": table.bits,
            "source": table.source,
            "spiking": _nanojoules(first + behind + neurons),
            "spiking_first_layer_once": _nanojoules(once + behind + neurons),
            "of_it_neurons": _nanojoules(neurons),
            "conventional_nj": sum(
                x.conventional * (table.ac_pj if x.values == "spikes" else table.mac_pj) for x in self._layers
            )
            / samples
            / 1000,
            "twins": {name: _nanojoules(energy) for name, energy in twins.items()},
            "break_even_rate": {
                name: {
                    "compute": break_even_rate(
                        self.rate,
                        fixed_pj=once.compute_pj + neurons.compute_pj,
                        spiking_pj=behind.compute_pj,
                        twin_pj=energy.compute_pj,
                    ),
                    "total": break_even_rate(
                        self.rate,
                        fixed_pj=once.total_pj + neurons.total_pj,
                        spiking_pj=behind.total_pj,
                        twin_pj=energy.total_pj,
                    ),
                }
                for name, energy in twins.items()
            },
        }

    def _twins(self, table: CostTable) -> dict[str, Energy]:
        """The artificial networks of the same layers: one look, a look at every step, and one of narrow activations."""
        found = {"artificial": _artificial(self.twin, table)}
        if self.sequences:
            found["artificial_every_step"] = _artificial(self.counts, table)
        found["quantised"] = _artificial(self.twin, table, activation_bits=self.bits)
        if self.sequences:
            found["quantised_every_step"] = _artificial(self.counts, table, activation_bits=self.bits)
        return found

    def record(self, tables: Mapping[str, CostTable], chosen: CostTable) -> dict[str, Any]:
        """All of it as plain JSON values: the layers at the chosen table, the totals at every one."""
        behind = [x for x in self._layers if not x.first]
        samples = self.counts.samples
        return {
            "samples": samples,
            "steps": self.counts.steps,
            "rate": self.rate,
            "operations": {
                "mac": sum(x.mac for x in self._layers) / samples,
                "mac_first_layer_once": sum(x.mac / x.repeats for x in self._layers) / samples,
                "ac": sum(x.ac for x in self._layers) / samples,
                "conventional": sum(x.conventional for x in self._layers) / samples,
                "twin_mac": sum(x.dense_uses for x in self.twin.layers if x.decides) / self.twin.samples,
                "neuron_updates": sum(n.updates for n in self.counts.neurons if n.decides) / samples,
                "share_of_uses_by_spikes": sum(x.ac for x in behind) / max(sum(x.uses for x in behind), 1),
            },
            "quantised_bits": self.bits,
            "tables": {name: self.totals(table) for name, table in ({**tables, chosen.name: chosen}).items()},
            "layers": self.rows(chosen),
        }


def _artificial(counts: Counts, table: CostTable, *, activation_bits: int | None = None) -> Energy:
    layers = _sum(dense_layer(x, table, activation_bits=activation_bits) for x in counts.layers if x.decides)
    return (layers + _sum(dense_neurons(n, table) for n in counts.neurons if n.decides)).times(1 / counts.samples)


def _sum(energies: Iterable[Energy]) -> Energy:
    return sum(energies, Energy())


def _nanojoules(energy: Energy) -> dict[str, float]:
    return {
        "compute_nj": energy.compute_pj / 1000,
        "addressing_nj": energy.addressing_pj / 1000,
        "memory_nj": energy.memory_pj / 1000,
        "total_nj": energy.total_pj / 1000,
    }
