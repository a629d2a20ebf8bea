"""`colliculus reproduce`: a table of a paper, its rows trained here, side by side with what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli import sweep
from colliculus.cli.options import Switch, parse
from colliculus.records import console
from colliculus.sweeps.published_tables import TABLES, PublishedTable, Row
from colliculus.types import ColliculusError, unknown_name

if TYPE_CHECKING:
    from colliculus.evaluation.comparison import Trainings
    from colliculus.sweeps.jobs import Job
    from colliculus.sweeps.plan import Variant
    from colliculus.sweeps.reproduce_report import Reproduced

SCALED = ("synthetic", "av-digits")
"""Data that everybody has, for a small version of any table."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train the rows of a paper's table and print its figures, ours with intervals, the difference and the protocols.

    The rows are trained as `colliculus sweep` does it: several side by side, and the same command goes on with what
    was stopped. On data that the paper did not use, such as synthetic or av-digits, it is a scaled version whose rows
    compare with one another. What follows -- goes to every training.
    Example: colliculus reproduce s-cmrl/alpha --data av-digits --seeds 3 --jobs 2 -- --data.root FOLDER
    """

    table: Annotated[str, Positional, tyro.conf.arg(metavar="TABLE")]
    """s-cmrl/table-1, s-cmrl/alpha, s-cmrl/noise or taaf/table-1"""
    data: str = "synthetic"
    """the dataset, by its name in the presets"""
    ours: Switch = False
    """our own recipe in place of the arithmetic of the reference program"""
    out: Path = Path("runs/reproduce")
    """folder of the run folders"""
    seeds: int = 3
    """trainings of each row, with the seeds from 0 on"""
    jobs: int = 1
    """trainings at once, each on one thread"""
    device: str = "auto"
    """where noisy rows are tested: auto, cpu, cuda, or one GPU such as cuda:0"""
    dry_run: Switch = False
    """train nothing: print what is left to train, one command a line"""
    json: Switch = False
    """print one JSON object"""


def run(arguments: list[str]) -> int:
    """Train what is not trained, test, and print the table."""
    own, flags = sweep.split_flags(arguments)
    options = parse(Options, "reproduce", own)
    if options.table not in TABLES:
        raise unknown_name("table", options.table, TABLES)
    if options.seeds < 1:
        raise ColliculusError(f"--seeds is {options.seeds}: give at least 1")

    from colliculus.sweeps import reproduce_report
    from colliculus.sweeps.plan import plan_variants

    table = TABLES[options.table]
    variants = _variants(table, options, flags)
    todo = plan_variants(list(dict.fromkeys(variants.values())), range(options.seeds), options.out)
    if options.dry_run:
        sweep.print_lines(todo)
        return 0
    failed = sweep.train_all(todo, options.jobs)
    found = _measure(table, variants, [job for job in todo if job not in failed], options)
    if options.json:
        console.show_json(reproduce_report.record(found))
    else:
        console.show(*reproduce_report.pages(found))
    sweep.complain(failed, len(todo))
    return 0


def _variants(table: PublishedTable, options: Options, flags: Sequence[str]) -> dict[str, Variant]:
    """What is trained for each row; rows that differ in the test alone share their trainings."""
    from colliculus.presets import PRESETS
    from colliculus.sweeps.plan import Grid, variants

    def of(row: Row) -> Variant:
        reference = f"{row.method}-reference-{options.data}"
        own = f"{row.method}-{options.data}"
        grid = Grid(
            presets=[own if options.ours or reference not in PRESETS else reference],
            settings={key: [value] for key, value in row.settings.items()},
            flags=flags,
        )
        return variants(grid)[0]

    return {row.title: of(row) for row in table.rows}


def _measure(
    table: PublishedTable, variants: Mapping[str, Variant], done: Sequence[Job], options: Options
) -> Reproduced:
    """The answers of each row's trainings under its noise."""
    from colliculus.evaluation.evaluate import predictions_of
    from colliculus.evaluation.groups import check_comparable, read_finished
    from colliculus.runs.kept_predictions import Condition
    from colliculus.sweeps.reproduce_report import Reproduced

    rows: dict[str, Trainings] = {}
    runs = {job: read_finished(job.folder) for job in done}
    check_comparable(list(runs.values()), ())
    about_noise = any(row.snr_db for row in table.rows)  # then its other rows are tested clean, however they learned
    for row in console.steps(table.rows, "test"):
        own = [run for job, run in runs.items() if variants[row.title].trained_by(job)]
        rows[row.title] = {
            ("", int(run.run.experiment.train.seed)): predictions_of(
                run.folder, Condition(row.snr_db) if about_noise else None, device=options.device
            ).correct
            for run in own
        }
    first = next(iter(runs.values()), None)
    return Reproduced(
        name=options.table,
        table=table,
        data=options.data,
        presets={title: variant.preset for title, variant in variants.items()},
        rows=rows,
        protocol=first.run.protocol if first else "",
        fingerprint=first.run.fingerprint if first else "",
        epochs=first.result.epochs if first else 0,
    )
