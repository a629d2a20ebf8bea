"""`colliculus energy`: what a decision of a trained run costs, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal

from colliculus.cli.options import RunFolder, SettingsT, Switch, parse_for_run
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Count what a decision costs: every operation of every layer, on real data, and the energy it takes.

    An input that is not zero counts once for every weight it meets (its true fan-out, edges and stride considered): as
    an accumulate (AC) where the layer sees spikes, else as a multiply-accumulate (MAC). For comparison: the usual
    count, rate x T x MACs; memory and addresses after Lemaire et al. 2022; and the same layers as an artificial
    network, and as one whose activations have ceil(log2(T + 1)) bits, with the rate at which the spiking one breaks
    even.

    Measured under the noise of the training if there was any, and written into RUN/energy: layers.csv and energy.json.
    An interruption costs at most one batch.
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
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
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    data: SettingsT
    """the data to count on"""


def run(arguments: list[str]) -> int:
    """Count, write and print."""
    options = parse_for_run(Options, "energy", arguments)

    from colliculus.evaluation.energy.cost import named_table
    from colliculus.evaluation.energy.measure import FOLDER, energy

    found = energy(
        options.run,
        options.data,
        split=options.split,
        samples=options.samples,
        table=named_table(options.table, mac_pj=options.mac_pj, ac_pj=options.ac_pj, bits=options.bits),
        device=options.device,
    )
    if options.json:
        console.show_json({"run": str(options.run)} | found.to_dict())
    else:
        console.show(found.table().renderable(), f"Written into {options.run / FOLDER}")
    return 0
