"""`colliculus audit`: whether results measured on a data set can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import Switch, parse
from colliculus.corpus.findings import SHORTEST_S
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options:
    """Search a data set for faults that make results untrustworthy.

    These are groups or identical content on both sides of a split, identical content under two labels, classes that are
    tested and not trained on, and files that cannot be read.

    Also reported: samples too short or far too long, missing modalities, classes that are too small or in one group.

    DATA is a manifest (.csv or .parquet, one row per sample; see `colliculus split --help` for its columns), a folder
    that `colliculus prepare` made, or a folder with a folder of clips for each class, under train/ and test/ or not.
    For a prepared folder the notes of its preparation are used, and no file is opened again.

    Exit code: 0 no finding makes results untrustworthy; 1 at least one does; 2 the data cannot be audited.
    """

    data: Annotated[Path, Positional, tyro.conf.arg(metavar="DATA")]
    """manifest, prepared folder, or folder of classes"""
    root: Path | None = None
    """folder at which the paths of the manifest start, if not its own"""
    quick: Switch = False
    """open no file: only missing and empty files and pointers of git-lfs are found, no damage or identical content"""
    shortest_s: float = SHORTEST_S
    """report samples shorter than this, in seconds"""
    jobs: int | None = None
    """processes; as many as there are cores if not given; 0: only this one, which ends if a
    damaged file crashes its decoder"""
    json: Switch = False
    """print one JSON object, with every case in full"""


def run(arguments: list[str]) -> int:
    """Audit the data and print the findings."""
    options = parse(Options, "audit", arguments)

    from colliculus.corpus.audit import audit

    with console.progress("reading samples") as progress:
        found = audit(
            options.data,
            root=options.root,
            quick=options.quick,
            shortest_s=options.shortest_s,
            jobs=options.jobs,
            progress=progress,
        )
    if options.json:
        console.show_json(found.to_dict())
    else:
        console.show(found.table())
    return 0 if found.trustworthy else 1
