"""What operations and memory cost: published tables, and the models that apply them to counts."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, log2

from colliculus.evaluation.energy.count import LayerCount, NeuronCount
from colliculus.types import ColliculusError

_HOROWITZ = "Horowitz, Computing's energy problem, ISSCC 2014, 45 nm, 0.9 V"


@dataclass(frozen=True, kw_only=True)
class CostTable:
    """Energies of one technology and width of numbers, in picojoules.

    Args:
        name: of the table.
        mac_pj: a multiplication and an addition.
        ac_pj: an addition.
        bits: width of a number.
        source: where the figures are from.

    Raises:
        ColliculusError: a figure is not a positive number, or an addition costs more than both.

    Example:
        >>> round(TABLES["45nm-fp32"].multiply_pj, 3)
        3.7
    """

    name: str
    mac_pj: float
    ac_pj: float
    bits: int
    source: str

    def __post_init__(self) -> None:
        if not 0 < self.ac_pj <= self.mac_pj < inf:
            raise ColliculusError(
                f"the cost table {self.name} has {self.mac_pj} pJ for a MAC and {self.ac_pj} pJ for an AC: give "
                "positive numbers, the MAC at least as dear"
            )
        if self.bits < 1:
            raise ColliculusError(f"the cost table {self.name} has numbers of {self.bits} bits: give at least 1")

    @property
    def multiply_pj(self) -> float:
        """The multiplication of a MAC."""
        return self.mac_pj - self.ac_pj

    def access_pj(self, numbers: float) -> float:
        """Reading or writing one of so many numbers in a memory (`memory_pj`); narrow numbers share an access."""
        return memory_pj(numbers * self.bits / 8) * self.bits / 32


TABLES: dict[str, CostTable] = {
    table.name: table
    for table in (
        CostTable(name="45nm-fp32", mac_pj=4.6, ac_pj=0.9, bits=32, source=_HOROWITZ),
        CostTable(name="45nm-fp16", mac_pj=1.5, ac_pj=0.4, bits=16, source=_HOROWITZ),
        CostTable(name="45nm-int32", mac_pj=3.2, ac_pj=0.1, bits=32, source=_HOROWITZ),
        CostTable(name="45nm-int8", mac_pj=0.23, ac_pj=0.03, bits=8, source=_HOROWITZ),
    )
}
"""Named tables; a user may give figures of his own."""

ADDRESS = TABLES["45nm-int32"]
"""Addresses are reckoned with whole numbers of 32 bits."""

_SRAM = ((8_192, 10.0), (32_768, 20.0), (1_048_576, 100.0))
"""Bytes of a memory, and picojoules of an access of 4 bytes (figures of Horowitz as Lemaire et al. read them)."""


def memory_pj(size: float) -> float:
    """An access of 4 bytes in a memory of `size` bytes (at 45 nm), on straight lines between 8 kB, 32 kB and 1 MB.

    Smaller memories cost as 8 kB does; beyond 1 MB the last line goes on.

    Example:
        >>> memory_pj(100), memory_pj(8192), memory_pj(20480), memory_pj(1048576)
        (10.0, 10.0, 15.0, 100.0)
    """
    (small, cheap), (middle, medium), (large, dear) = _SRAM
    if size <= middle:
        return cheap + (medium - cheap) * max(size - small, 0) / (middle - small)
    return medium + (dear - medium) * (size - middle) / (large - middle)


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy in picojoules, by what it is spent on.

    Args:
        compute_pj: operations.
        addressing_pj: finding the addresses.
        memory_pj: reads and writes of inputs, parameters and potentials.
    """

    compute_pj: float = 0.0
    addressing_pj: float = 0.0
    memory_pj: float = 0.0

    @property
    def total_pj(self) -> float:
        """All of it."""
        return self.compute_pj + self.addressing_pj + self.memory_pj

    def __add__(self, other: Energy) -> Energy:
        return Energy(
            compute_pj=self.compute_pj + other.compute_pj,
            addressing_pj=self.addressing_pj + other.addressing_pj,
            memory_pj=self.memory_pj + other.memory_pj,
        )

    def times(self, factor: float) -> Energy:
        """So many times as much."""
        return Energy(
            compute_pj=factor * self.compute_pj,
            addressing_pj=factor * self.addressing_pj,
            memory_pj=factor * self.memory_pj,
        )


def spiking_layer(layer: LayerCount, table: CostTable) -> Energy:
    """A layer of a spiking network: every use of an event costs an AC or a MAC.

    Memory and addresses after Lemaire et al. (ICONIP 2022, arXiv 2210.13107): an event is read once; each use reads a
    weight and reads and writes a potential; a convolution finds the place of an event with two MACs, and each use adds
    to the address. A layer of numbers may as well run as in an artificial network, over all of its inputs: what costs
    less of the two is taken.

    Deviation: uses are the exact ones, where the paper multiplies spikes by the whole kernel, at the edges too.
    """
    compute = layer.ac * table.ac_pj + layer.mac * table.mac_pj
    per_event = 2 * ADDRESS.mac_pj if layer.kind == "convolution" else 0.0
    moved = Energy(
        addressing_pj=layer.events * per_event + layer.uses * ADDRESS.ac_pj,
        memory_pj=layer.events * table.access_pj(layer.sources)
        + layer.uses * (table.access_pj(layer.stored) + 2 * table.access_pj(layer.results)),
    )
    if layer.values == "numbers":
        moved = min(moved, _dense_movement(layer, table, share=1.0), key=lambda energy: energy.total_pj)
    return Energy(compute_pj=compute) + moved


def spiking_neurons(neurons: NeuronCount, table: CostTable) -> Energy:
    """Updates of membranes: a multiplication, an addition and a comparison (as dear as an addition) for each.

    An update reads and writes the potential, and a spike is written once.
    """
    return Energy(
        compute_pj=neurons.updates * (table.multiply_pj + 2 * table.ac_pj),
        memory_pj=(2 * neurons.updates + neurons.spikes) * table.access_pj(neurons.neurons),
    )


def dense_layer(layer: LayerCount, table: CostTable, *, activation_bits: int | None = None) -> Energy:
    """The same layer in an artificial network: every input is multiplied, zero or not.

    Args:
        layer: counted at one step.
        table: costs at full width.
        activation_bits: width of the activations of a quantised network; a multiplication and an access then cost in
            proportion. The data themselves, which the first layer multiplies, keep their width. None: full width.
    """
    share = 1.0 if activation_bits is None else min(1.0, activation_bits / table.bits)
    multiplied = 1.0 if layer.first else share
    compute = layer.dense_uses * (table.ac_pj + multiplied * table.multiply_pj)
    return Energy(compute_pj=compute) + _dense_movement(layer, table, share=share)


def dense_neurons(neurons: NeuronCount, table: CostTable) -> Energy:
    """ReLU: a comparison for each."""
    return Energy(compute_pj=neurons.updates * table.ac_pj)


def _dense_movement(layer: LayerCount, table: CostTable, *, share: float) -> Energy:
    """Lemaire et al., artificial networks: an input and a weight are read for each MAC; a linear map reads inputs once.

    Args:
        layer: whose inputs, weights and outputs are moved.
        table: costs at full width.
        share: of an access that an activation takes.
    """
    reads = layer.inputs if layer.kind == "linear" else layer.dense_uses
    read_pj = (1.0 if layer.first else share) * table.access_pj(layer.sources)
    stored_pj = table.access_pj(layer.stored) * (1.0 if layer.weight_shape else share)
    if layer.kind == "convolution":
        forwards = layer.inputs / layer.sources
        taps = layer.weight_shape[0] * _product(layer.weight_shape[2:])
        additions = layer.inputs + layer.outputs + forwards * taps
    else:
        additions = layer.dense_uses
    return Energy(
        addressing_pj=additions * ADDRESS.ac_pj,
        memory_pj=reads * read_pj
        + layer.dense_uses * stored_pj
        + layer.outputs * share * table.access_pj(layer.results),
    )


def _product(numbers: tuple[int, ...]) -> int:
    found = 1
    for number in numbers:
        found *= number
    return found


def quantised_bits(steps: int) -> int:
    """Width of activations that tell as many levels as T steps of spikes, ceil(log2(T + 1)) (Yan et al., 2409.08290).

    Example:
        >>> [quantised_bits(steps) for steps in (1, 3, 4, 7, 8)]
        [1, 2, 3, 3, 4]
    """
    return ceil(log2(steps + 1))


def break_even_rate(rate: float, *, fixed_pj: float, spiking_pj: float, twin_pj: float) -> float | None:
    """The mean rate at which a spiking network costs as much as its twin, all layers' rates changing in proportion.

    Args:
        rate: mean rate that was measured.
        fixed_pj: what it costs whatever fires: the first layers, the neurons.
        spiking_pj: what it costs at that rate and in proportion to it.
        twin_pj: what the twin costs.

    Returns:
        A rate, above 1 where any rate will do; None where none is low enough, or nothing fires by which to tell.

    Example:
        >>> break_even_rate(0.2, fixed_pj=1.0, spiking_pj=4.0, twin_pj=3.0)
        0.1
    """
    if twin_pj < fixed_pj or not rate or not spiking_pj:
        return None
    return rate * (twin_pj - fixed_pj) / spiking_pj
