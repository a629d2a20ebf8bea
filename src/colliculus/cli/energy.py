"""`colliculus energy`: what a decision of a trained run costs, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from colliculus.cli.options import PartOptions, SettingsT, parse_for_run


@dataclass(frozen=True, kw_only=True)
class Options(PartOptions[SettingsT]):
    """Count what a decision costs: every operation of every layer, on real data, and the energy it takes.

    An input that is not zero counts once for every weight it meets (its true fan-out, edges and stride considered): as
    an accumulate (AC) where the layer sees spikes, else as a multiply-accumulate (MAC). For comparison: the usual
    count, rate x T x MACs; memory and addresses after Lemaire et al. 2022; and the same layers as an artificial
    network, and as one whose activations have ceil(log2(T + 1)) bits, with the rate at which the spiking one breaks
    even.

    Measured under the noise of the training if there was any, and written into RUN/energy: layers.csv and energy.json.
    An interruption costs at most one batch.
    """

    counterpart: tuple[Path, ...] = ()
    """trained ANN counterparts, whose test accuracies stand beside their energies: runs with --method.neuron.kind relu
    and otherwise the same settings, at one step or as many; with --method.neuron.bits the quantised ones"""
    samples: int = 256
    """clips to count on, at most, evenly over the split"""
    table: str = "45nm-fp32"
    """cost table of the layers: 45nm-fp32, 45nm-fp16, 45nm-int32 or 45nm-int8; totals are given at all"""
    mac_pj: float | None = None
    """your own cost of a multiply-accumulate, in pJ, in place of the table's"""
    ac_pj: float | None = None
    """your own cost of an accumulate, in pJ"""
    bits: int | None = None
    """your own width of numbers, in bits"""


def run(arguments: list[str]) -> int:
    """Count, write and print."""
    options = parse_for_run(Options, "energy", arguments)

    from colliculus.evaluation.energy.cost import named_table
    from colliculus.evaluation.energy.measure import energy

    found = energy(
        options.run,
        options.data,
        split=options.split,
        samples=options.samples,
        table=named_table(options.table, mac_pj=options.mac_pj, ac_pj=options.ac_pj, bits=options.bits),
        counterparts=options.counterpart,
        device=options.device,
    )
    options.show(found, f"Written into {(options.run / found.FILE).parent}", run=str(options.run))
    return 0
