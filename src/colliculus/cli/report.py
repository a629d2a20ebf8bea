"""`colliculus report`: one page about runs, in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import parse
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write one HTML file about one or more runs: it needs no network, no script and no other file.

    It shows what the run folders hold: settings, curves, confusion matrix, classes with intervals, wrong clips, spike
    health, and the measurements of `contribution`, `robustness`, `energy` and `explain`; for one that is absent, the
    command line that makes it. Several runs, which must have the same data and noise at test, are also compared.
    """

    runs: Annotated[tuple[Path, ...], Positional, tyro.conf.arg(metavar="RUN ...")]
    """folders of the runs"""
    out: Path = Path("report.html")
    """file to write"""
    title: str | None = None
    """title of the page; left out, the presets of the runs"""
    clips: Path | None = None
    """folder that the names of the test clips begin at, to show and play the wrong ones; left out, the folder of the
    data, where a run was trained on a folder of clips"""


def run(arguments: list[str]) -> int:
    """Write the page and print where it is."""
    options = parse(Options, "report", arguments)

    from colliculus.report.report import report

    console.show(report(options.runs, options.out, options.title, clips=options.clips).table())
    return 0
