"""`colliculus energy`: what a decision of a trained run costs, layer by layer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal

import tyro

from colliculus.cli.options import NoSettings, RunFolder, SettingsT, Switch, leading_name, parse
from colliculus.cli.run_data import load_data, part_of
from colliculus.records import console
from colliculus.types import ColliculusError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import RenderableType
    from rich.table import Table
    from torch import Tensor

    from colliculus.data.dataset import Split
    from colliculus.evaluation.energy.cost import CostTable
    from colliculus.evaluation.energy.report import EnergyReport
    from colliculus.runs.run import Run

FOLDER, RECORD, LAYERS, BATCHES = "energy", "energy.json", "layers.csv", "batches"
OWN = "own"
TWINS = {
    "artificial": "artificial, one step",
    "artificial_every_step": "artificial, every step",
    "quantised": "{bits} bits, one step",
    "quantised_every_step": "{bits} bits, every step",
}
"""Names of the twins on the screen."""


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Count what a decision costs: every operation of every layer, on real data, and the energy it takes.

    An input that is not zero counts once for every weight it meets (its true fan-out, edges and stride considered): as
    an accumulate (AC) where the layer sees spikes, else as a multiply-accumulate (MAC). Beside it stand the usual
    count, rate x T x MACs; memory and addresses after Lemaire et al. 2022; and the same layers as an artificial
    network, and as one whose activations have ceil(log2(T + 1)) bits, with the rate at which the spiking one breaks
    even.

    Written into RUN/energy: layers.csv and energy.json. Under the noise that the run learned under, if it did. A batch
    that is counted is not counted again after an interruption.
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
    samples: int = 256
    """clips to count on, at most, evenly over the split"""
    table: str = "45nm-fp32"
    """costs of the table by layer: 45nm-fp32, 45nm-fp16, 45nm-int32 or 45nm-int8; totals are given at all"""
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
    folder = Path(leading_name(arguments, Options[NoSettings], "energy", "colliculus energy RUN [options]"))

    from colliculus.evaluation.energy.cost import TABLES
    from colliculus.runs.identity import identity
    from colliculus.runs.run import read_run

    trained = read_run(folder)
    data = trained.experiment.data
    options = parse(Options[type(data)], "energy", arguments, Options(run=tyro.MISSING, data=data))
    chosen = _table(options)
    dataset = load_data(trained, options.data)
    snr_db = dict(trained.experiment.train.snr_db)
    about = identity(folder, trained, dataset.fingerprint) | {"split": options.split, "snr_db": snr_db}
    report = _measure(trained, part_of(dataset, options.split), options, about)
    record = about | {"table": chosen.name} | report.record(TABLES, chosen)
    _write(folder / FOLDER, record)
    if options.json:
        console.show_json({"run": str(folder)} | record)
    else:
        console.show(*_tables(record), f"Written into {folder / FOLDER}")
    return 0


def _table(options: Options[Any]) -> CostTable:
    """The named table, with the user's own figures where he gives any."""
    from dataclasses import replace

    from colliculus.evaluation.energy.cost import TABLES

    if options.table not in TABLES:
        raise unknown_name("cost table", options.table, TABLES)
    own = {"mac_pj": options.mac_pj, "ac_pj": options.ac_pj, "bits": options.bits}
    given = {name: value for name, value in own.items() if value is not None}
    if not given:
        return TABLES[options.table]
    return replace(TABLES[options.table], name=OWN, source="given on the command line", **given)


def _measure(run: Run, split: Split, options: Options[Any], about: Mapping[str, Any]) -> EnergyReport:
    """Count batch by batch; what was counted before is read."""
    from dataclasses import asdict

    from colliculus.evaluation.energy.count import Counts, count, together
    from colliculus.evaluation.energy.report import EnergyReport
    from colliculus.files.cache import Cache
    from colliculus.files.documents import from_plain
    from colliculus.runs.run import load_model
    from colliculus.runtime import choose_device

    if options.samples < 1:
        raise ColliculusError(f"--samples is {options.samples}: give at least 1")
    device = choose_device(options.device)
    model = load_model(options.run).to(device)
    twin = run.experiment.method.one_step().model(run.spec).to(device)

    def inputs(rows: NDArray[np.int64]) -> dict[str, Tensor]:
        return {m: x for m, x in _inputs(run, split, rows, device).items() if m in model.modalities}

    chosen = {"samples": min(options.samples, len(split)), "batch_size": run.experiment.train.batch_size}
    batches = _rows(len(split), **chosen)
    pieces = Cache(options.run / FOLDER / BATCHES, {**about, **chosen})
    counts: list[Counts] = []
    for number, rows in enumerate(console.steps(batches, "counting")):
        kept = pieces.find(str(number))
        if kept is None:
            kept = asdict(count(model, [inputs(rows)]))
            pieces.keep(str(number), kept)
        counts.append(from_plain(kept, Counts))
    given = inputs(batches[0][:1])
    sequences = any(x.dim() == 5 for x in given.values())
    return EnergyReport(counts=together(counts), twin=count(twin, [given]), sequences=sequences)


def _rows(size: int, samples: int, batch_size: int) -> list[NDArray[np.int64]]:
    """So many samples, evenly over a split, in batches."""
    import numpy as np

    return np.array_split(np.linspace(0, size - 1, samples).astype(np.int64), -(-samples // batch_size))


def _inputs(run: Run, split: Split, rows: NDArray[np.int64], device: Any) -> dict[str, Tensor]:
    """Samples under the noise of the training, if there was any."""
    from colliculus.data.noise import GaussianNoise

    noise = GaussianNoise(run.experiment.train.snr_db)
    return noise(split.batch(rows, epoch=0).to(device).inputs, rows)


def _write(folder: Path, record: Mapping[str, Any]) -> None:
    from colliculus.files.atomic import write_atomic

    text = io.StringIO()
    writer = csv.DictWriter(text, list(record["layers"][0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(record["layers"])
    write_atomic(folder / LAYERS, text.getvalue().encode())
    write_atomic(folder / RECORD, json.dumps(record, indent=1, allow_nan=False).encode())


def _tables(record: Mapping[str, Any]) -> Sequence[RenderableType]:
    title = f"Operations of one clip (mean of {record['samples']}), energies at {record['table']}"
    return (
        console.titled(title, _layers(record)),
        _sums(record),
        console.titled("Energy of one clip", _energies(record, record["tables"][record["table"]])),
        console.titled("Compute at every table (first layer of a still input run once)", _costs(record)),
    )


def _layers(record: Mapping[str, Any]) -> Table:
    """The layers that decide, below the part of the model they belong to."""
    table = _table_of("layer", "events", "rate", "counted", "usual", "compute", "memory")
    part = ""
    for row in record["layers"]:
        if not row["decides"] or row["kind"] == "neurons":
            continue
        owner, name = _split(row["layer"])
        if owner != part:
            table.add_row(part := owner)
        operations = f"{_count(row['mac'] + row['ac'])} {'AC ' if row['values'] == 'spikes' else 'MAC'}"
        energies = (_energy(row["compute_nj"]), _energy(row["memory_nj"] + row["addressing_nj"]))
        counts = (_count(row["events"]), f"{100 * row['rate']:.1f}", operations, _count(row["conventional"]))
        table.add_row(f" {name}", *counts, *energies)
    return table


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


def _sums(record: Mapping[str, Any]) -> RenderableType:
    operations = record["operations"]
    repeated = operations["mac"] != operations["mac_first_layer_once"]
    once = f" ({_count(operations['mac_first_layer_once'])} with the first layer of a still input run once)"
    used = {row["layer"] for row in record["layers"] if row["decides"]}
    idle = [row["layer"] for row in record["layers"] if not row["decides"] and row["kind"] != "neurons"]
    told = [f"{layer} (repeated to explain)" if layer in used else layer for layer in idle]
    spikes = console.percent(operations["share_of_uses_by_spikes"])
    rows = {
        "MAC": _count(operations["mac"]) + (once if repeated else ""),
        "AC": f"{_count(operations['ac'])} ({spikes} of all behind the first layers)",
        "usual count": f"{_count(operations['conventional'])} (rate x T x MACs, padding included)",
        "artificial": f"{_count(operations['twin_mac'])} MAC at one step",
        "neuron updates": _count(operations["neuron_updates"]),
        "mean rate": f"{console.percent(record['rate'])} of the uses behind the first layers, T = {record['steps']}",
    }
    if idle:
        rows["left out"] = f"the decision does not need {', '.join(told)}"
    return console.facts("Sums", rows)


def _energies(record: Mapping[str, Any], totals: Mapping[str, Any]) -> Table:
    table = _table_of("network", "compute", "address", "memory", "together", "even at*", "in all*")

    def add(name: str, energy: Mapping[str, float], *rates: str) -> None:
        parts = ("compute_nj", "addressing_nj", "memory_nj", "total_nj")
        table.add_row(name, *(_energy(energy[part]) for part in parts), *rates)

    add("spiking, as it runs", totals["spiking"])
    add(" first layer once", totals["spiking_first_layer_once"])
    add(" of it the neurons", totals["of_it_neurons"])
    for name, energy in totals["twins"].items():
        rates = totals["break_even_rate"][name]
        add(TWINS[name].format(bits=record["quantised_bits"]), energy, _rate(rates["compute"]), _rate(rates["total"]))
    table.caption = "* mean rate at which the spiking network costs as much, compute alone and all counted"
    return table


def _costs(record: Mapping[str, Any]) -> Table:
    """What a choice of figures does to the comparison."""
    table = _table_of("costs", "MAC, pJ", "AC, pJ", "spiking", "artificial", "ratio", "with memory")
    for name, totals in record["tables"].items():
        spiking, artificial = totals["spiking_first_layer_once"], totals["twins"]["artificial"]
        ratios = (f"{artificial[part] / spiking[part]:.2f}" for part in ("compute_nj", "total_nj"))
        energies = (_energy(spiking["compute_nj"]), _energy(artificial["compute_nj"]))
        table.add_row(name, f"{totals['mac_pj']:g}", f"{totals['ac_pj']:g}", *energies, *ratios)
    return table


def _table_of(name: str, *numbers: str) -> Table:
    table = console.plain_table()
    table.padding = (0, 0, 0, 1)
    table.add_column(name, style="cyan", no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _rate(rate: float | None) -> str:
    if rate is None:
        return "none"
    return "any" if rate > 1 else console.percent(rate)


def _count(number: float) -> str:
    """A number of operations in few letters.

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
