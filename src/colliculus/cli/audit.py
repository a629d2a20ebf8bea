"""`colliculus audit`: whether numbers measured on a data set can be trusted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.class_table import class_table
from colliculus.cli.options import Switch, parse
from colliculus.records import console
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.corpus.audit import Finding, Report
    from colliculus.corpus.prepare.sample import Outcome
    from colliculus.corpus.source import Source

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Options:
    """Look for what makes numbers of a data set untrustworthy.

    That is: groups or identical content on both sides of a split, identical content under two labels, classes that are
    tested and not trained on, files that cannot be read.

    Also told: samples too short or far too long, modalities that are missing, classes too small or in one group.

    DATA is a manifest (.csv, .jsonl or .parquet, a row for each sample; see `colliculus split --help` for its columns),
    a folder that `colliculus prepare` made, or a folder with a folder of clips for each class, under train/ and test/
    or not. Of a prepared folder what preparation noted is taken, and no file is opened again.

    Exit code: 0 nothing that makes numbers untrustworthy; 1 at least one such finding; 2 the data cannot be audited.
    """

    data: Annotated[Path, Positional, tyro.conf.arg(metavar="DATA")]
    """manifest, prepared folder, or folder of classes"""
    root: Path | None = None
    """folder that the paths of the manifest begin at, if not its own"""
    quick: Switch = False
    """open no file: neither damage nor identical content is found, only what is missing, empty or a git-lfs pointer"""
    shortest_s: float = 0.1
    """tell of samples shorter than this, in seconds"""
    jobs: int | None = None
    """processes; as many as there are cores if not given; 0: none but this one, which ends if
    a damaged file crashes its decoder"""
    json: Switch = False
    """print one JSON object, with every case in full"""


def run(arguments: list[str]) -> int:
    """Audit and print."""
    options = parse(Options, "audit", arguments)

    from colliculus.corpus.audit import audit

    if options.jobs is not None and options.jobs < 0:
        raise ColliculusError(f"--jobs is {options.jobs}: give 0 or more processes")
    sources, outcomes = _gather(options)
    report = audit(sources, outcomes, shortest_s=options.shortest_s)
    if options.json:
        console.show_json({"data": str(options.data), "quick": options.quick} | _record(report))
    else:
        console.show(*_summary(options, sources, report))
    return 0 if report.trustworthy else 1


def _gather(options: Options) -> tuple[Sequence[Source], Sequence[Outcome]]:
    """The samples, and what is known of their files."""
    from colliculus.corpus.inspection import Inspection
    from colliculus.corpus.manifest import read_manifest
    from colliculus.corpus.prepare.seal import MANIFEST_FILE, SEAL_FILE, WORK_FOLDER, read_prepared
    from colliculus.corpus.prepare.workers import in_processes, in_this_process
    from colliculus.corpus.recipes.folder import FolderRecipe

    data = options.data
    if not data.exists():
        raise ColliculusError(f"{data} does not exist: name a manifest or a folder")
    if any((data / name).exists() for name in (SEAL_FILE, MANIFEST_FILE, WORK_FOLDER)):
        folder = read_prepared(data)
        return folder.sources, folder.outcomes
    if data.is_dir():
        sources, root = FolderRecipe().sources(data), data
    else:
        root = data.parent if options.root is None else options.root
        if not root.is_dir():
            raise ColliculusError(f"{root} is no folder: give --root the one that the paths of {data} begin at")
        sources = read_manifest(data, root=root)
    place, rows = Inspection(root.absolute(), quick=options.quick), range(len(sources))
    jobs = (os.cpu_count() or 1) if options.jobs is None else options.jobs
    alone = options.quick or not jobs  # a look at names is done before another process has begun
    work = in_this_process(place, sources, rows) if alone else in_processes(place, sources, rows, jobs=jobs)
    found: dict[int, Outcome] = {}
    with console.progress("reading samples") as progress:
        for outcome in work:
            found[outcome.row] = outcome
            progress(len(found), len(sources))
    return sources, [found[row] for row in rows]


def _record(report: Report) -> dict[str, object]:
    return {
        "trustworthy": report.trustworthy,
        "samples": sum(sum(counts.values()) for counts in report.balance.values()),
        "groups": report.groups,
        "classes": {label: dict(counts) for label, counts in report.balance.items()},
        "findings": [
            {
                "kind": finding.kind,
                "untrustworthy": finding.grave,
                "meaning": finding.meaning,
                "samples": finding.samples,
                "cases": list(finding.items),
            }
            for finding in report.findings
        ],
    }


def _summary(options: Options, sources: Sequence[Source], report: Report) -> list[RenderableType]:
    modalities = dict.fromkeys(m for source in sources for m in source.files)
    rows = {
        "samples": f"{len(sources):,} of {len(report.balance):,} classes",
        "groups": f"{report.groups:,}" if report.groups else "none are told",
        "modalities": ", ".join(modalities),
    }
    parts = [console.facts(f"Audit of {options.data}", rows), class_table(report.balance)]
    for title, grave in (("Makes numbers untrustworthy", True), ("Good to know", False)):
        if findings := [finding for finding in report.findings if finding.grave is grave]:
            parts.append(_findings(title, findings))
    number = sum(finding.grave for finding in report.findings)
    looked = " (a quick look: no file was opened)" if options.quick else ""
    verdict = (
        f"{number} kind(s) of finding make numbers untrustworthy"
        if number
        else "Nothing found that makes numbers untrustworthy"
    )
    return [*parts, f"{verdict}{looked}."]


def _findings(title: str, findings: Sequence[Finding]) -> RenderableType:
    table = console.plain_table()
    table.add_column("samples", justify="right")
    table.add_column("finding", style="bold red" if findings[0].grave else "yellow", ratio=2)
    table.add_column("cases", ratio=3, overflow="fold")
    for finding in findings:
        cases = "\n".join(finding.items[:_SHOWN])
        if (rest := len(finding.items) - _SHOWN) > 0:
            cases += f"\nand {rest:,} more (--json lists all)"
        table.add_row(f"{finding.samples:,}", finding.meaning, cases)
    return console.titled(title, table)
