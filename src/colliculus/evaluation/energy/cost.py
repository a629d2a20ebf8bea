"""Published costs of operations and memory accesses, and the models that apply them to counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, inf, log2, prod
from typing import Any

from colliculus.evaluation.energy.count import LayerCount, NeuronCount
from colliculus.types import ColliculusError, unknown_name

_HOROWITZ = "Horowitz, Computing's energy problem, ISSCC 2014, 45 nm, 0.9 V"


@dataclass(frozen=True, kw_only=True)
class CostTable:
    """Energies of one technology and number width, in picojoules.

    Args:
        name: of the table.
        mac_pj: a multiply-accumulate.
        ac_pj: an accumulate.
        bits: width of a number.
        source: origin of the figures.

    Raises:
        ColliculusError: a figure is not a positive number, or an accumulate costs more than a multiply-accumulate.

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
                "positive numbers, the MAC at least as large"
            )
        if self.bits < 1:
            raise ColliculusError(f"the cost table {self.name} has numbers of {self.bits} bits: give at least 1")

    @property
    def multiply_pj(self) -> float:
        """The multiplication of a MAC."""
        return self.mac_pj - self.ac_pj

    def access_pj(self, numbers: float) -> float:
        """Read or write one number in a memory of so many (`memory_pj`); narrow numbers share an access."""
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
"""Named tables; a `CostTable` of your own works as well."""

ADDRESS = TABLES["45nm-int32"]
"""Addresses are computed with 32-bit integers."""

_SRAM = ((8_192, 10.0), (32_768, 20.0), (1_048_576, 100.0))
"""Bytes of a memory, and picojoules of an access of 4 bytes (figures of Horowitz as Lemaire et al. read them)."""


def named_table(
    name: str, *, mac_pj: float | None = None, ac_pj: float | None = None, bits: int | None = None
) -> CostTable:
    """The cost table of that name; figures that are not None replace its own, and it is then called "own".

    Raises:
        ColliculusError: the table is unknown, or the figures are impossible.

    Example:
        >>> named_table("45nm-fp32", ac_pj=1.0).name, named_table("45nm-fp32").name
        ('own', '45nm-fp32')
    """
    if name not in TABLES:
        raise unknown_name("cost table", name, TABLES)
    given: dict[str, Any] = {"mac_pj": mac_pj, "ac_pj": ac_pj, "bits": bits}
    given = {figure: value for figure, value in given.items() if value is not None}
    return replace(TABLES[name], name="own", source="given by the user", **given) if given else TABLES[name]


def memory_pj(size: float) -> float:
    """Energy of an access of 4 bytes in a memory of `size` bytes (45 nm), linear between 8 kB, 32 kB and 1 MB.

    A smaller memory costs as much as one of 8 kB; beyond 1 MB the last line continues.

    Example:
        >>> memory_pj(100), memory_pj(8192), memory_pj(20480), memory_pj(1048576)
        (10.0, 10.0, 15.0, 100.0)
    """
    (small, cheap), (middle, medium), (large, dear) = _SRAM
    if size <= middle:
        return cheap + (medium - cheap) * max(size - small, 0) / (middle - small)
    return medium + (dear - medium) * (size - middle) / (large - middle)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Energy in nanojoules, by use.

    Args:
        compute_nj: operations.
        addressing_nj: address computations.
        memory_nj: reads and writes of inputs, parameters and potentials.
        total_nj: the sum of the three.
    """

    compute_nj: float
    addressing_nj: float
    memory_nj: float
    total_nj: float

    @classmethod
    def of(cls, *, compute_pj: float = 0.0, addressing_pj: float = 0.0, memory_pj: float = 0.0) -> Cost:
        """The cost of so many picojoules."""
        compute, addressing, memory = compute_pj / 1000, addressing_pj / 1000, memory_pj / 1000
        total = compute + addressing + memory
        return cls(compute_nj=compute, addressing_nj=addressing, memory_nj=memory, total_nj=total)

    def __add__(self, other: Cost) -> Cost:
        return Cost(**{use: nanojoules + getattr(other, use) for use, nanojoules in vars(self).items()})

    def __truediv__(self, number: float) -> Cost:
        return Cost(**{use: nanojoules / number for use, nanojoules in vars(self).items()})


def spiking_layer(layer: LayerCount, table: CostTable) -> Cost:
    """Cost of a layer of a spiking network: each use of an event costs an AC or a MAC.

    Memory and addresses follow Lemaire et al. (ICONIP 2022, arXiv 2210.13107): an event is read once; each use reads a
    weight and reads and writes a potential; a convolution finds the place of an event with two MACs, and each use adds
    to the address. A layer of numbers may run as in an artificial network, over all of its inputs; the cheaper of the
    two is taken.

    Deviation: uses are exact here, where the paper multiplies spikes by the whole kernel, at the edges too.
    """
    compute = layer.ac * table.ac_pj + layer.mac * table.mac_pj
    per_event = 2 * ADDRESS.mac_pj if layer.kind == "convolution" else 0.0
    moved = Cost.of(
        addressing_pj=layer.events * per_event + layer.uses * ADDRESS.ac_pj,
        memory_pj=layer.events * table.access_pj(layer.sources)
        + layer.uses * (table.access_pj(layer.stored) + 2 * table.access_pj(layer.results)),
    )
    if layer.values == "numbers":
        moved = min(moved, _dense_movement(layer, table, share=1.0), key=lambda cost: cost.total_nj)
    return Cost.of(compute_pj=compute) + moved


def spiking_neurons(neurons: NeuronCount, table: CostTable) -> Cost:
    """Cost of membrane updates: each takes a multiplication, an addition and a comparison (counted as an addition).

    An update reads and writes the potential; a spike is written once. Neurons that send numbers have no membrane: they
    cost what they cost in an artificial network.
    """
    if not neurons.levels:
        return dense_neurons(neurons, table)
    return Cost.of(
        compute_pj=neurons.updates * (table.multiply_pj + 2 * table.ac_pj),
        memory_pj=(2 * neurons.updates + neurons.spikes) * table.access_pj(neurons.neurons),
    )


def dense_layer(layer: LayerCount, table: CostTable, *, activation_bits: int | None = None) -> Cost:
    """Cost of the same layer in an artificial network: every input is multiplied, zero or not.

    In a quantised network a multiplication and an access cost in proportion to `activation_bits` (None: full width).
    The data, which the first layer multiplies, keep their width.
    """
    share = 1.0 if activation_bits is None else min(1.0, activation_bits / table.bits)
    multiplied = 1.0 if layer.first else share
    compute = layer.dense_uses * (table.ac_pj + multiplied * table.multiply_pj)
    return Cost.of(compute_pj=compute) + _dense_movement(layer, table, share=share)


def dense_neurons(neurons: NeuronCount, table: CostTable) -> Cost:
    """Cost of a ReLU: one comparison per value."""
    return Cost.of(compute_pj=neurons.values * table.ac_pj)


def _dense_movement(layer: LayerCount, table: CostTable, *, share: float) -> Cost:
    """Data movement of an artificial layer after Lemaire et al.; an activation takes a share of an access.

    Each MAC reads an input and a weight; a linear map reads each input once.
    """
    reads = layer.inputs if layer.kind == "linear" else layer.dense_uses
    read_pj = (1.0 if layer.first else share) * table.access_pj(layer.sources)
    stored_pj = table.access_pj(layer.stored) * (1.0 if layer.weight_shape else share)
    additions = layer.dense_uses
    if layer.kind == "convolution":
        taps = layer.weight_shape[0] * prod(layer.weight_shape[2:])
        additions = layer.inputs + layer.outputs + layer.inputs / layer.sources * taps
    return Cost.of(
        addressing_pj=additions * ADDRESS.ac_pj,
        memory_pj=reads * read_pj
        + layer.dense_uses * stored_pj
        + layer.outputs * share * table.access_pj(layer.results),
    )


def quantised_bits(steps: int) -> int:
    """Activation width with as many levels as T steps of spikes, ceil(log2(T + 1)) (Yan et al., arXiv 2409.08290).

    Example:
        >>> [quantised_bits(steps) for steps in (1, 3, 4, 7, 8)]
        [1, 2, 3, 3, 4]
    """
    return ceil(log2(steps + 1))


def break_even_rate(rate: float, *, fixed: float, spiking: float, ann: float) -> float | None:
    """Mean firing rate at which a spiking network costs as much as its ANN counterpart, all in one unit.

    All layers' rates change in proportion, and with them the part `spiking` of the cost, here at `rate`; `fixed` is the
    cost at any rate, of the first layers and the neurons. The result is above 1 where every rate is cheaper, and None
    where no rate is low enough or nothing fires.

    Example:
        >>> break_even_rate(0.2, fixed=1.0, spiking=4.0, ann=3.0)
        0.1
    """
    if ann < fixed or not rate or not spiking:
        return None
    return rate * (ann - fixed) / spiking
