"""Several runs beside each other, and the differences that are more than chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from shlex import join
from statistics import fmean

from colliculus.evaluation.comparison import Comparison, compare
from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.robustness import Robustness
from colliculus.records import Column, Table
from colliculus.records.console import span
from colliculus.report.material import Material
from colliculus.runs.kept_predictions import Condition
from colliculus.types import ColliculusError

COST_TABLE = "45nm-fp32"
"""Costs at which the energies of runs are compared; every record holds them."""


@dataclass(frozen=True)
class Compared:
    """The comparison on the page.

    Args:
        runs: a row for each run.
        remarks: sentences on figures that cannot be compared.
        tested: methods over their seeds, and paired tests; None where they are missing.
        untested: reason why they are missing, in a sentence.
        command: command line that makes the tests; empty where fewer than two runs are finished.
    """

    runs: Table
    remarks: Sequence[str]
    tested: Comparison | None
    untested: str
    command: str


def compared(materials: Sequence[Material]) -> Compared:
    """Compare runs that were tested on the same clips."""
    table, remarks = _runs(materials)
    finished = [m.folder for m in materials if m.result is not None]
    if len(finished) < 2:
        return Compared(table, remarks, None, "Fewer than two of these runs are finished, so there is no test.", "")
    command = join(["colliculus", "compare", *map(str, finished)])
    try:
        return Compared(table, remarks, compare(finished, device=None), "", command)
    except ColliculusError as error:
        return Compared(table, remarks, None, f"There are no paired tests: {error}", command)


def _runs(materials: Sequence[Material]) -> tuple[Table, list[str]]:
    """A row for each run, and remarks on figures that were not measured alike."""
    energies = _column(f"energy of a clip at {COST_TABLE}", "uJ", "energy", materials, _energy)
    measured = [
        energies,
        "" if isinstance(energies, str) else _counterparts(materials),
        _column("area under white noise", "%", "robustness", materials, _noise_area),
    ]
    shown = [column for column in measured if not isinstance(column, str)]
    headings = ("seed", "accuracy, %", "95 % interval", "macro-F1, %", "parameters", "clips/s")
    columns = (Column("run"), Column("preset"), *(Column(h, "right") for h in (*headings, *(h for h, _ in shown))))
    rows = [(m.name, m.run.preset, *_figures(m), *(cells[i] for _, cells in shown)) for i, m in enumerate(materials)]
    title = f"Runs on the same test clips, {Condition.of(materials[0].run).describe()}"
    return Table(columns, rows, title), [column for column in measured if isinstance(column, str) and column]


def _figures(material: Material) -> Sequence[str]:
    """Cells from the seed to the speed."""
    if material.imported:
        return ["-", "imported", *["-"] * 4]
    seed = str(material.run.experiment.train.seed)
    if (result := material.result) is None:
        return [seed, "not finished", *["-"] * 4]
    return [
        seed,
        f"{100 * result.test.accuracy:.1f}",
        span(result.test.interval),
        f"{100 * result.test.macro_f1:.1f}",
        f"{result.parameters:,}",
        f"{result.samples_per_second:,.0f}",
    ]


Measured = tuple[str, Mapping[str, object]]
"""A figure of one run as text, and how it was measured: figures stand in one column where all of that is the same."""


def _column(
    figure: str, unit: str, verb: str, materials: Sequence[Material], read: Callable[[Material], Measured | None]
) -> tuple[str, Sequence[str]] | str:
    """Heading and cells of a column; a sentence where runs were measured differently, empty where none was."""
    found = [read(material) for material in materials]
    ways = [one[1] for one in found if one is not None]
    if not ways:
        return ""
    differing = [name for name in ways[0] if any(way[name] != ways[0][name] for way in ways)]
    if differing:
        return (
            f"The {figure} is not compared: the runs differ in the {', the '.join(differing)}. Run `colliculus {verb}` "
            "on each with the same options."
        )
    part = ways[0]["part of the data"]
    where = "" if part == "test" else f" ({part} part)"
    return f"{figure}{where}, {unit}", ["-" if one is None else one[0] for one in found]


def _energy(material: Material) -> Measured | None:
    """Energy of one clip at `COST_TABLE`, compute and memory."""
    record = material.records.get("energy")
    if not isinstance(record, Energy):
        return None
    nanojoules = record.tables[COST_TABLE].spiking_once.total_nj
    return f"{nanojoules / 1000:.3g}", {
        "data": record.fingerprint,
        "part of the data": record.split,
        "noise": (record.snr_db, record.snr_of),
        "number of clips": record.samples,
    }


def _counterparts(materials: Sequence[Material]) -> tuple[str, Sequence[str]]:
    """Heading and cells of the column beside the energies: the accuracy of each run's ANN counterpart."""
    records = [material.records.get("energy") for material in materials]
    return "ANN counterpart, %", [one.counterpart()[1] if isinstance(one, Energy) else "-" for one in records]


def _noise_area(material: Material) -> Measured | None:
    """Mean accuracy under white noise, over its severities and targets."""
    record = material.records.get("robustness")
    curves = [c for c in record.curves if c.kind == "white"] if isinstance(record, Robustness) else []
    areas = [curve.area for curve in curves if curve.area is not None]
    if not isinstance(record, Robustness) or not areas:
        return None
    return f"{100 * fmean(areas):.1f}", {
        "data": record.fingerprint,
        "part of the data": record.split,
        "noise of the training": (record.snr_db, record.snr_of),
        "modalities that get noise": [curve.target for curve in curves],
        "severities": [curve.severities for curve in curves],
        "number of seeds": record.settings.seeds,
    }
