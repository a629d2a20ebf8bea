"""`colliculus view`: one page about data, in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import Switch, parse
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write one HTML file about data: classes, lengths, findings of the audit, and clips to look at and to hear.

    DATA is a folder with a folder of clips for each class, a manifest, or a folder that `colliculus prepare` made. The
    page needs no network, no script and no other file.
    """

    data: Annotated[Path, Positional, tyro.conf.arg(metavar="DATA")]
    """folder of classes, manifest, or prepared folder"""
    out: Path = Path("data.html")
    """file to write"""
    root: Path | None = None
    """folder at which the paths of the files start, if not that of the data; for a prepared folder, its raw files"""
    clips: int = 3
    """clips of each class that are shown"""
    quick: Switch = False
    """do not open the files to search for damage; there are no lengths then"""
    jobs: int | None = None
    """processes; as many as there are cores if not given; 0: only this one"""


def run(arguments: list[str]) -> int:
    """Write the page and print where it is."""
    options = parse(Options, "view", arguments)

    from colliculus.report.view import view

    with console.progress("reading samples") as progress:
        found = view(
            options.data,
            options.out,
            root=options.root,
            clips=options.clips,
            quick=options.quick,
            jobs=options.jobs,
            progress=progress,
        )
    console.show(found.table())
    return 0
