"""`colliculus report`: everything that is known of runs on one page that needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import parse
from colliculus.records import console
from colliculus.types import ColliculusError

MOST_BYTES = 5_000_000
"""Beyond it a page is slow to open and no mail takes it."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write one HTML file about one or more runs: it needs no network, no script and no other file.

    It shows what the run folders hold: setting, curves, confusions, classes with intervals, spike health, and what
    `contribution`, `robustness`, `energy` and `explain` have found; where one of them was not run, the command line
    that does it. Several runs, which must be of the same data and tested under the same noise, are also compared.
    """

    runs: Annotated[tuple[Path, ...], Positional, tyro.conf.arg(metavar="RUN ...")]
    """folders of the runs"""
    out: Path = Path("report.html")
    """file to write"""
    title: str = ""
    """of the page; left out, the presets of the runs"""


def run(arguments: list[str]) -> int:
    """Read, write and say where."""
    options = parse(Options, "report", arguments)

    from colliculus.evaluation.groups import check_comparable
    from colliculus.files.atomic import write_atomic
    from colliculus.report.folder import read_material, short_names
    from colliculus.report.page import page
    from colliculus.sweeps.command import train_command

    if not options.runs:
        raise ColliculusError("no run was named: colliculus report RUN... --out FILE.html")
    folders = list(dict.fromkeys(folder.absolute() for folder in options.runs))
    given = {folder.absolute(): folder for folder in options.runs}
    materials = [
        read_material(given[folder], name, lambda run, folder=folder: [train_command(run, given[folder])])
        for folder, name in zip(folders, short_names(folders), strict=True)
    ]
    check_comparable(materials)
    title = options.title or ", ".join(dict.fromkeys(m.run.preset for m in materials))
    content = page(materials, title).encode()
    write_atomic(options.out, content)
    console.show(f"{options.out}  ({len(content) / 1e6:.2f} MB)")
    if len(content) > MOST_BYTES:
        console.remark("the page is above 5 MB: name fewer runs")
    return 0
