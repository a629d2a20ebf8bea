"""Record of what a decision of a trained run costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from colliculus.evaluation.energy.accuracy import NetworkAccuracy
from colliculus.evaluation.energy.cost import Cost
from colliculus.evaluation.energy.totals import LayerRow, Operations, TableCosts
from colliculus.figures import Bars, BarSeries, figure
from colliculus.files.atomic import write_atomic
from colliculus.files.tables import csv_bytes
from colliculus.records import Table, Tables
from colliculus.records.console import percent
from colliculus.runs.identity import RunRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNTERPARTS = {
    "artificial": "artificial, one step",
    "artificial_every_step": "artificial, every step",
    "quantised": "{bits} bits, one step",
    "quantised_every_step": "{bits} bits, every step",
}
"""Readable names of the ANN counterparts."""
NOT_TRAINED = "not trained"
"""Accuracy of a counterpart that is counted only."""
ONCE, NEURONS = " static input once", " of it the neurons"
"""The spiking network in two more ways."""
_FORMER_NAMES = {
    "table": "cost_table",
    "twins": "counterparts",
    "twin_mac": "counterpart_mac",
    "mac_first_layer_once": "mac_once",
    "spiking_first_layer_once": "spiking_once",
}
"""Keys that earlier versions wrote, and the fields they are now.

Of a network whose neurons have no state, the last two held the first layer alone as run once.
"""


@dataclass(frozen=True, kw_only=True)
class Energy(RunRecord):
    """Operations and energy of a decision; all figures are means per clip.

    Args:
        cost_table: name of the table that prices `layers`.
        samples: clips that were counted.
        steps: T of the decision.
        rate: mean firing rate: share of the operations behind the first layers that an event drives. A graded spike is
            as many events as it has levels, so that the rate of graded neurons may exceed 1.
        operations: of the layers that decide.
        quantised_bits: activation width of the quantised ANN counterpart.
        tables: totals at each cost table, by name.
        layers: each layer, then each layer of neurons.
        spiking: False if no neuron sends spikes: the network is then an ANN (ReLU), of which zeros are skipped.
        accuracy: test accuracy of the run ("spiking") and of counterparts that were trained, by their names in
            `TableCosts`; the others are counted only.
    """

    cost_table: str
    samples: int
    steps: int
    rate: float
    operations: Operations
    quantised_bits: int
    tables: dict[str, TableCosts]
    layers: tuple[LayerRow, ...]
    spiking: bool = True
    accuracy: dict[str, NetworkAccuracy] = field(default_factory=dict[str, NetworkAccuracy])
    FILE: ClassVar[str] = "energy/energy.json"

    @classmethod
    def from_dict(cls, plain: object) -> Self:
        """The inverse of `to_dict`; records of version 0.1 are read as well."""
        return super().from_dict(_renamed(plain))

    @property
    def totals(self) -> TableCosts:
        """Totals at the cost table of the layers."""
        return self.tables[self.cost_table]

    def write(self, folder: Path) -> None:
        """Write `layers.csv` and `energy.json` into `energy` of a run folder."""
        rows = [vars(layer) for layer in self.layers]
        path = folder / self.FILE
        write_atomic(path.with_name("layers.csv"), csv_bytes([*rows[0]], ([*row.values()] for row in rows)))
        self.save(path)

    def table(self) -> Tables:
        """Layers, sums, energies of all networks, and the comparison at every cost table."""
        return Tables((self._layer_table(), self._sums(), self._network_table(), self._cost_tables()))

    def figure(self) -> Figure:
        """Energy of the spiking network and of its ANN counterparts, by use."""
        networks = {name: cost for name, cost in self.networks().items() if name != NEURONS}
        if self.totals.spiking == self.totals.spiking_once:
            del networks[ONCE]
        costs = networks.values()
        series = [
            BarSeries(name="compute", values=[cost.compute_nj / 1000 for cost in costs]),
            BarSeries(name="addressing", values=[cost.addressing_nj / 1000 for cost in costs]),
            BarSeries(
                name="memory",
                values=[cost.memory_nj / 1000 for cost in costs],
                labels=[_energy(cost.total_nj) for cost in costs],
            ),
        ]
        bars = Bars(names=[name.strip() for name in networks], series=series, xlabel="energy, uJ", stacked=True)
        return figure([bars], legend="shared", title=f"{self.preset}: energy of one clip, {self.cost_table}")

    def _layer_table(self) -> Table:
        """The layers that decide, below the part of the model they belong to."""
        rows: list[Sequence[str]] = []
        part = ""
        for row in self.layers:
            if not row.decides or row.kind == "neurons":
                continue
            owner, name = _split(row.layer)
            if owner != part:
                rows.append((part := owner, *[""] * 6))
            operations = f"{_count(row.mac + row.ac)} {'AC ' if row.values == 'spikes' else 'MAC'}"
            counts = (_count(row.events), f"{100 * row.rate:.1f}", operations, _count(row.conventional))
            rows.append((f" {name}", *counts, _energy(row.compute_nj), _energy(row.memory_nj + row.addressing_nj)))
        title = f"Operations of one clip (mean of {self.samples}), energies at {self.cost_table}"
        return Table.of(title, ("layer", "events", "rate, %", "counted", "usual", "compute", "memory"), rows)

    def _sums(self) -> Table:
        found = self.operations
        once = f" ({_count(found.mac_once)} if what is the same at every step runs once)"
        used = {row.layer for row in self.layers if row.decides}
        idle = [row.layer for row in self.layers if not row.decides and row.kind != "neurons"]
        spikes = percent(found.share_of_uses_by_spikes)
        rows = {
            "MAC": _count(found.mac) + (once if found.mac != found.mac_once else ""),
            "AC": f"{_count(found.ac)} ({spikes} of all behind the first layers)",
            "usual count": f"{_count(found.conventional)} (rate x T x MACs, padding included)",
            "ANN counterpart": f"{_count(found.counterpart_mac)} MAC at one step",
            "neuron updates": _count(found.neuron_updates),
            "mean rate": f"{percent(self.rate)} of the operations behind the first layers, T = {self.steps}",
        }
        if not self.spiking:
            rows["spikes"] = "none: the network is an ANN, whose zeros are skipped here"
        elif found.spikes is not None:
            rows["spikes"] = f"{_count(found.spikes)} of all neurons (each level of a graded spike is one)"
        if idle:
            names = [f"{layer} (repeated to explain)" if layer in used else layer for layer in idle]
            rows["left out"] = f"the decision does not need {', '.join(names)}"
        return Table.facts("Sums", rows)

    def networks(self) -> dict[str, Cost]:
        """Energies at the cost table of the layers: the spiking network, then its ANN counterparts."""
        totals, names = self.totals, COUNTERPARTS
        name = "spiking" if self.spiking else "ANN, zeros skipped"
        spiking = {name: totals.spiking, ONCE: totals.spiking_once, NEURONS: totals.of_it_neurons}
        return spiking | {names[n].format(bits=self.quantised_bits): cost for n, cost in totals.counterparts.items()}

    def _network_table(self) -> Table:
        rates = [("", "")] * 3 + [(_rate(x.compute), _rate(x.total)) for x in self.totals.break_even_rate.values()]
        accuracy = [self._accuracy(name) for name in ("spiking", "", "", *self.totals.counterparts)]
        rows = [
            (name, *map(_energy, (cost.compute_nj, cost.addressing_nj, cost.memory_nj, cost.total_nj)), *even, correct)
            for (name, cost), even, correct in zip(self.networks().items(), rates, accuracy, strict=True)
        ]
        headings = ("network", "compute", "address", "memory", "total", "even at*", "in all*", "test, %")
        notes = ("* mean rate at which the spiking network costs as much, in compute alone and in total",)
        if NOT_TRAINED in accuracy:
            notes += ("Not trained: counted only. Its accuracy is that of a run with ReLU, given as counterpart.",)
        return Table.of("Energy of one clip", headings, rows, notes)

    def _accuracy(self, name: str) -> str:
        """Test accuracy of a network with its interval, and its T where it is not the one that is counted."""
        if (found := self.accuracy.get(name)) is None:
            return NOT_TRAINED if name in COUNTERPARTS else ""
        counted = self.steps if name == "spiking" or name.endswith("_every_step") else 1
        return str(found) + (f", T = {found.steps}" if found.steps != counted else "")

    def counterpart(self) -> tuple[Cost, str]:
        """Energy of the ANN counterpart at the cost table of the layers, and its test accuracy in percent.

        At one step, or at every step where only that one was trained; the accuracy is "not trained" where none was.
        """
        names = ("artificial", "artificial_every_step")
        name = next((name for name in names if name in self.accuracy), names[0])
        return self.totals.counterparts[name], self._accuracy(name)

    def _cost_tables(self) -> Table:
        """The comparison with the ANN counterpart at every cost table."""
        rows: list[Sequence[str]] = []
        for name, totals in self.tables.items():
            spiking, artificial = totals.spiking_once, totals.counterparts["artificial"]
            ratios = (artificial.compute_nj / spiking.compute_nj, artificial.total_nj / spiking.total_nj)
            energies = (_energy(spiking.compute_nj), _energy(artificial.compute_nj))
            rows.append((name, f"{totals.mac_pj:g}", f"{totals.ac_pj:g}", *energies, *(f"{x:.2f}" for x in ratios)))
        headings = ("costs", "MAC, pJ", "AC, pJ", "spiking", "artificial", "ratio", "with memory")
        return Table.of("Compute at every table (a static input run once)", headings, rows)


def _renamed(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {_FORMER_NAMES.get(key, key): _renamed(value) for key, value in plain.items()}
    return [_renamed(value) for value in plain] if isinstance(plain, list) else plain


def _split(layer: str) -> tuple[str, str]:
    """The part of the model a layer belongs to, and the rest of its name.

    Example:
        >>> _split("encoders.audio.stages.0.conv"), _split("fusion.attention.audio_from_visual.spatial q k^T")
        (('encoders: audio', 'stages.0'), ('fusion: audio_from_visual', 'spatial q k^T'))
    """
    words = layer.split(".")
    words = words[:-1] if len(words) > 2 and words[-1] in ("conv", "linear") else words
    exchange = next((i + 1 for i, word in enumerate(words) if "_from_" in word), min(2, len(words) - 1))
    return ": ".join(dict.fromkeys((words[0], words[exchange - 1]))), ".".join(words[exchange:])


def _rate(rate: float | None) -> str:
    if rate is None:
        return "none"
    return "any" if rate > 1 else percent(rate)


def _count(number: float) -> str:
    """A number of operations, short.

    Example:
        >>> _count(0.001234), _count(12), _count(12_345), _count(1_234_567_890)
        ('0.001', '12', '12.3 k', '1.23 G')
    """
    for factor, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{letter}"
    return f"{number:.3g}" if number >= 1 else f"{number:.1g}"


def _energy(nanojoules: float) -> str:
    """An energy in the unit that suits it.

    Example:
        >>> _energy(0.0), _energy(12.345), _energy(12345.6)
        ('0', '12.3 nJ', '12.3 uJ')
    """
    if not nanojoules:
        return "0"
    for factor, unit in ((1e6, "mJ"), (1e3, "uJ"), (1, "nJ")):
        if nanojoules >= factor:
            return f"{nanojoules / factor:.3g} {unit}"
    return f"{1000 * nanojoules:.3g} pJ"
