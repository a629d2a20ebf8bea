"""`colliculus reproduce`: a table of a paper, with its rows trained here, beside the published accuracies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from colliculus.cli.options import Switch, parse
from colliculus.cli.overrides import read_overrides, split_flags
from colliculus.cli.sweep import print_lines, show_trained


@dataclass(frozen=True, kw_only=True)
class Options:
    """Train the rows of a paper's table and print our accuracies, with intervals, beside the published ones.

    The rows are trained as by `colliculus sweep`: several at once, and the same command resumes what was stopped. On
    data that the paper did not use, such as synthetic or av-digits, it is a scaled version, whose rows compare with
    each other only. Ours is the accuracy of the epoch that the validation part chose; the best epoch on the test part,
    which most papers print, stands beside it under that name. A difference to the paper is printed only where
    the samples are those of the paper: crema-d and ave with -- --data.protocol paper. Flags behind -- go to every
    training.
    Example: colliculus reproduce s-cmrl/alpha --data av-digits --seeds 3 --jobs 2 -- --data.root FOLDER
    """

    table: Annotated[str, Positional, tyro.conf.arg(metavar="TABLE")]
    """s-cmrl/table-1, s-cmrl/balance, s-cmrl/alpha, s-cmrl/temperature, s-cmrl/parts, s-cmrl/noise, taaf/table-1,
    taaf/alignment, taaf/readings, iemf/table-1 or snnergy/table-1"""
    data: str = "synthetic"
    """the dataset, by its name in the presets"""
    ours: Switch = False
    """train our own arithmetic instead of that of the reference program"""
    out: Path = Path("runs/reproduce")
    """folder of the run folders"""
    seeds: int = 3
    """number of trainings of each row, with seeds from 0"""
    jobs: int = 1
    """number of simultaneous trainings, each on one thread"""
    device: str = "auto"
    """device for the tests under noise: auto, cpu, cuda, or one GPU such as cuda:0"""
    dry_run: Switch = False
    """train nothing: print what is left to train, one command a line"""
    json: Switch = False
    """print one JSON object"""


def run(arguments: list[str]) -> int:
    """Train what is not trained, test, and print the table."""
    own, flags = split_flags(arguments)
    options = parse(Options, "reproduce", own)

    from colliculus.sweeps.reproduce import plan_reproduction, reproduce, row_presets

    asked: dict[str, Any] = {
        "table": options.table,
        "data": options.data,
        "ours": options.ours,
        "seeds": options.seeds,
        "overrides": read_overrides(row_presets(options.table, options.data, ours=options.ours), flags),
        "out": options.out,
    }
    if options.dry_run:
        print_lines(plan_reproduction(**asked))
        return 0
    show_trained(reproduce(**asked, jobs=options.jobs, device=options.device), as_json=options.json)
    return 0
