"""Audit: whether results measured on a data set can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from colliculus.corpus.class_table import class_counts, class_table
from colliculus.corpus.findings import SHORTEST_S, Finding, examine
from colliculus.corpus.inspection import SampleInspection
from colliculus.corpus.manifest import read_manifest
from colliculus.corpus.prepare.manifest_rows import MANIFEST_FILE
from colliculus.corpus.prepare.oddities import skipped_sentence
from colliculus.corpus.prepare.prepared_folder import (
    PREPARE_FILE,
    WORK_FOLDER,
    PreparedFolder,
    read_prepared,
)
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.prepare.verification import verify
from colliculus.corpus.prepare.workers import Progress, num_processes, results_of, silent
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.corpus.sample import Sample
from colliculus.figures import Bars, BarSeries, figure
from colliculus.files.checks import SPLITS
from colliculus.media.event_formats import states_events
from colliculus.records import Column, Record, Table, Tables
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 3  # cases of a finding in a table


@dataclass(frozen=True)
class Audit(Record):
    """Result of `audit`.

    Args:
        data: path that was audited.
        quick: whether files were left unopened.
        trustworthy: whether no finding makes results untrustworthy.
        samples: number of samples.
        groups: number of groups.
        modalities: modalities of the samples.
        classes: samples of each class by split ("" for samples without one).
        findings: findings, in the order of `colliculus.corpus.findings.KINDS`.
        skipped: files of a folder of classes that are of other kinds, by ending.
    """

    data: str
    quick: bool
    trustworthy: bool
    samples: int
    groups: int
    modalities: tuple[str, ...]
    classes: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...]
    skipped: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def table(self) -> Tables:
        """Counts, samples of each class, findings and the verdict."""
        facts = {
            "samples": f"{self.samples:,} of {len(self.classes):,} classes",
            "groups": f"{self.groups:,}" if self.groups else "none are given",
            "modalities": ", ".join(self.modalities),
        }
        looked = " (a quick look: no file was opened)" if self.quick else ""
        number = sum(finding.untrustworthy for finding in self.findings)
        verdict = (
            f"{number} kind(s) of finding make results untrustworthy"
            if number
            else "No finding makes results untrustworthy"
        )
        return Tables(
            (
                Table.facts(f"Audit of {self.data}", facts, (f"{verdict}{looked}.", *skipped_sentence(self.skipped))),
                class_table(self.classes),
                *self._finding_tables(),
            )
        )

    def figure(self) -> Figure:
        """Bars of the number of samples per class, by split."""
        splits = [split for split in (*SPLITS, "") if any(split in counts for counts in self.classes.values())]
        series = [
            BarSeries(values=[counts.get(split, 0) for counts in self.classes.values()], name=split or "no split")
            for split in splits
        ]
        return figure([Bars(names=list(self.classes), series=series, xlabel="samples", stacked=True)])

    def _finding_tables(self) -> list[Table]:
        tables: list[Table] = []
        for title, untrustworthy in (("Makes results untrustworthy", True), ("Good to know", False)):
            if found := [finding for finding in self.findings if finding.untrustworthy is untrustworthy]:
                style = "bold red" if untrustworthy else "yellow"
                columns = Column("samples", "right"), Column("finding", style=style), Column("cases", fold=True)
                rows = [(f"{finding.samples:,}", finding.meaning, _shown(finding.cases)) for finding in found]
                tables.append(Table(columns, rows, title))
        return tables


def audit(
    data: Path | str,
    *,
    root: Path | str | None = None,
    quick: bool = False,
    shortest_s: float = SHORTEST_S,
    jobs: int | None = None,
    progress: Progress = silent,
) -> Audit:
    r"""Search a data set for leaks between splits, contradicting labels, damaged files and other faults.

    Args:
        data: a manifest, a folder that `prepare` made, or a folder with a folder of clips for each class, under train/
            and test/ or not. For a prepared folder the notes of its preparation are used, and its arrays are
            verified.
        root: folder at which the paths of the manifest start; None: the folder of the manifest.
        quick: open no file. Only missing and empty files and pointers of git-lfs are found then, and neither damage nor
            identical content.
        shortest_s: samples shorter than this are reported.
        jobs: processes; None: as many as there are cores; 0: only this one, which ends if a decoder crashes.
        progress: called after each sample with the number of finished samples and of all samples.

    Raises:
        ColliculusError: the data cannot be audited.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "clips.csv")
        ...     _ = table.write_text(
        ...         "label,lidar,group,split\nwalk,1.npy,ann,train\nrun,2.npy,bob,train\nwalk,3.npy,ann,test\n"
        ...     )
        ...     found = audit(table, quick=True)
        >>> [finding.kind for finding in found.findings if finding.untrustworthy]
        ['group-in-two-splits', 'unreadable']
    """
    looked = look_into(data, root=root, quick=quick, jobs=jobs, progress=progress)
    return audit_of(data, looked, quick=quick, shortest_s=shortest_s)


@dataclass(frozen=True)
class LookedInto:
    """Samples of a data set and facts about their files.

    Args:
        samples: the samples.
        results: facts about the files of each.
        skipped: files of a folder of classes that are of other kinds, by ending.
        prepared: the prepared folder that they are of; None: they are files.
        root: folder at which the paths of the files start; None: it is not known.
    """

    samples: Sequence[Sample]
    results: Sequence[PreparationResult]
    skipped: Mapping[str, tuple[str, ...]]
    prepared: PreparedFolder | None
    root: Path | None


def look_into(
    data: Path | str,
    *,
    root: Path | str | None = None,
    quick: bool = False,
    jobs: int | None = None,
    progress: Progress = silent,
) -> LookedInto:
    """Find the samples of a data set and open their files; for the arguments and errors see `audit`."""
    path, chosen = Path(data), None if root is None else Path(root)
    jobs = num_processes(jobs)
    if not path.exists():
        raise ColliculusError(f"{path} does not exist: pass a manifest or a folder")
    if any((path / name).exists() for name in (PREPARE_FILE, MANIFEST_FILE, WORK_FOLDER)):
        folder = read_prepared(path)
        if not quick:
            verify(folder)
        return LookedInto(folder.samples, folder.results, {}, folder, chosen)
    samples, place = _listed(path, chosen, quick=quick)
    skipped = _clips(path).skipped(path) if path.is_dir() else {}
    found: dict[int, PreparationResult] = {}
    # a quick look is over before another process has started
    for result in results_of(place, samples, range(len(samples)), jobs=0 if quick else jobs):
        found[result.row] = result
        progress(len(found), len(samples))
    return LookedInto(samples, [found[row] for row in range(len(samples))], skipped, None, place.root)


def audit_of(data: Path | str, looked: LookedInto, *, quick: bool, shortest_s: float = SHORTEST_S) -> Audit:
    """The findings about a data set that was looked into; for the other arguments see `audit`."""
    samples = looked.samples
    findings = examine(samples, looked.results, shortest_s=shortest_s)
    return Audit(
        data=str(data),
        quick=quick,
        trustworthy=not any(finding.untrustworthy for finding in findings),
        samples=len(samples),
        groups=len({sample.group for sample in samples} - {None}),
        modalities=tuple(dict.fromkeys(m for sample in samples for m in sample.files)),
        classes=class_counts([sample.label for sample in samples], [sample.split or "" for sample in samples]),
        findings=findings,
        skipped=looked.skipped,
    )


def _listed(path: Path, root: Path | None, *, quick: bool) -> tuple[Sequence[Sample], SampleInspection]:
    """Samples of a folder of classes or of a manifest, and how to inspect them."""
    if path.is_dir():
        recipe = _clips(path)
        return recipe.listed(path) if quick else recipe.samples(path), SampleInspection(path.absolute(), quick=quick)
    root = path.parent if root is None else root
    if not root.is_dir():
        raise ColliculusError(f"{root} is not a folder: pass the folder at which the paths of {path} start")
    return read_manifest(path, root=root), SampleInspection(root.absolute(), quick=quick)


def _clips(path: Path) -> FolderRecipe:
    """How clips are found in a folder of classes: events are searched for only where a file states that it has some."""
    if any(states_events(path / file) for files in FolderRecipe().skipped(path).values() for file in files):
        return FolderRecipe(modalities=("audio", "visual", "events"))
    return FolderRecipe()


def _shown(cases: Sequence[str]) -> str:
    more = (f"and {len(cases) - _SHOWN:,} more",) if len(cases) > _SHOWN else ()
    return "\n".join((*cases[:_SHOWN], *more))
