"""Preparation: from raw files to one folder of arrays; the same settings and files give the same bytes, always."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from colliculus.corpus.manifest import COLUMNS, PREPARED_COLUMNS, write_manifest
from colliculus.corpus.prepare.journal import open_journal
from colliculus.corpus.prepare.recipe import PassesOver, Recipe, raw_root
from colliculus.corpus.prepare.rows import RowFile
from colliculus.corpus.prepare.sample import Incomplete, Outcome, Workplace, digests
from colliculus.corpus.prepare.seal import (
    FORMAT,
    MANIFEST_FILE,
    SEAL_FILE,
    WORK_FOLDER,
    PreparedFolder,
    check_same,
    describe,
    read_document,
    read_prepared,
    row_files,
    write_document,
    write_samples,
)
from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.prepare.summary import Summary, summarise
from colliculus.corpus.prepare.workers import in_processes, in_this_process
from colliculus.corpus.source import Source
from colliculus.files.documents import Document, package_version, to_plain
from colliculus.files.lock import LOCK_FILE, locked
from colliculus.files.tables import TABLE_TEMPORARY
from colliculus.types import ColliculusError

_PLAN_FILE, _JOURNAL_FILE, _SOURCES_FILE = "plan.yaml", "journal.jsonl", "sources.csv"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_UNFINISHED = re.compile(r"\.incomplete-[a-z0-9_]{8}")  # as `atomic_path` and the check of a plan call theirs
_RESULTS = ("manifest", "content", "usable")  # what the seal tells beside the plan

Progress = Callable[[int, int], None]
"""Is told how many samples of how many are done."""


def prepare(
    recipe: Recipe,
    raw: Path,
    out: Path,
    *,
    jobs: int,
    incomplete: Incomplete = "skip",
    progress: Progress = lambda _done, _total: None,
) -> Summary:
    """Prepare a data set, or go on with a preparation that was stopped; one that is done is checked and left alone.

    Args:
        recipe: says which samples there are, and how they are stored.
        raw: the raw files, as the recipe wants them.
        out: folder to fill: absent, empty, or begun with the same settings.
        jobs: processes; 0: this one, without shelter from decoders that crash.
        incomplete: what becomes of a sample of which one modality cannot be read.
        progress: is told after each sample.

    Raises:
        ColliculusError: the raw data are not laid out as they should be, no sample can be prepared, `out` holds
            something else or is in use, or the disk is full. A later call goes on where this one stopped.
    """
    if not raw.exists():
        raise ColliculusError(f"{raw} does not exist: name the raw data")
    raw, out = raw.absolute(), out.absolute()
    _check_apart(raw, out)
    sources = recipe.sources(raw)
    storages = _storages(recipe, sources)
    passed_over = recipe.passed_over(raw) if isinstance(recipe, PassesOver) else {}
    with _full_disk_told(out):
        out.mkdir(parents=True, exist_ok=True)
        with locked(out, "is being prepared by another process"):
            plan = _open_plan(out, recipe, incomplete, storages, sources)
            place = Workplace(raw_root(raw), storages, row_files(out, storages, len(sources)), incomplete)
            if (out / SEAL_FILE).exists():
                folder = read_prepared(out)
                if not _repaired(folder, place, sources, progress):
                    summary = summarise(out, sources, folder.outcomes, storages, kept=len(sources))
                    return replace(summary, passed_over=passed_over)
                _reopen(folder, plan, sources)
            return replace(_build(out, place, sources, plan, jobs, progress), passed_over=passed_over)


def _build(
    out: Path, place: Workplace, sources: Sequence[Source], plan: Document, jobs: int, progress: Progress
) -> Summary:
    _check_space(out, place.arrays.values())
    for array in place.arrays.values():
        array.create()
    with open_journal(out / WORK_FOLDER / _JOURNAL_FILE) as (journal, told):
        with place.open() as opened:
            known = {row: outcome for row, outcome in told.items() if row < len(sources)}
            done = {row: outcome for row, outcome in known.items() if opened.holds(outcome, sources[row])}
        kept, rows = len(done), [row for row in range(len(sources)) if row not in done]
        work = in_processes(place, sources, rows, jobs=jobs) if jobs else in_this_process(place, sources, rows)
        progress(kept, len(sources))
        with closing(work):
            for outcome in work:
                journal.add(outcome)
                done[outcome.row] = outcome
                progress(len(done), len(sources))
    outcomes = [done[row] for row in range(len(sources))]
    summary = summarise(out, sources, outcomes, place.storages, kept=kept)
    if not summary.usable:
        raise ColliculusError(
            f"none of the {len(sources)} samples can be prepared; the first: {outcomes[0].problem}. Once they are "
            "mended, run the same command again"
        )
    _seal(out, place, sources, outcomes, plan, summary)
    return summary


def _seal(
    out: Path, place: Workplace, sources: Sequence[Source], outcomes: Sequence[Outcome], plan: Document, done: Summary
) -> None:
    """What is written last, and whoever finds it may trust the rest."""
    for array in place.arrays.values():
        with array.path.open("r+b") as file:
            os.fsync(file.fileno())
    content = hashlib.sha256("".join(outcome.content for outcome in outcomes).encode()).hexdigest()
    manifest = write_samples(out, sources, outcomes, list(place.storages))
    results = dict(zip(_RESULTS, (manifest, content, done.usable), strict=True))
    write_document(out / SEAL_FILE, {**plan, **results})
    shutil.rmtree(out / WORK_FOLDER)


def _repaired(folder: PreparedFolder, place: Workplace, sources: Sequence[Source], progress: Progress) -> bool:
    """Of a preparation that is done, whether files changed of samples that had a problem.

    Raises:
        ColliculusError: its arrays are not there, or files changed of a sample that had none.
    """
    shutil.rmtree(folder.path / WORK_FOLDER, ignore_errors=True)
    for array in folder.arrays.values():
        array.memory_map()
    repaired = False
    for done, (source, outcome) in enumerate(zip(sources, folder.outcomes, strict=True), 1):
        if digests(place.root, source) != outcome.sha256:
            if not outcome.problem:
                raise ColliculusError(
                    f"the files of {source.name!r} have changed since {folder.path} was prepared: prepare them into a "
                    "new folder"
                )
            repaired = True
        progress(done, len(sources))
    return repaired


def _reopen(folder: PreparedFolder, plan: Document, sources: Sequence[Source]) -> None:
    """Make a preparation that is done one that was stopped, of which a kill at any moment leaves either.

    Raises:
        ColliculusError: it was made by other versions, which may decode otherwise.
    """
    seal, work = folder.path / SEAL_FILE, folder.path / WORK_FOLDER
    before = {key: value for key, value in read_document(seal).items() if key not in _RESULTS}
    check_same(folder.path, before, plan, "prepare the repaired files into a new folder")
    work.mkdir()
    write_manifest(work / _SOURCES_FILE, sources)
    with open_journal(work / _JOURNAL_FILE) as (journal, _):
        for outcome in folder.outcomes:
            journal.add(outcome)
    write_document(work / _PLAN_FILE, plan)
    seal.unlink()


def _storages(recipe: Recipe, sources: Sequence[Source]) -> dict[str, Storage]:
    """Of each modality that a sample holds, how it is stored."""
    held = {m: source.name for source in reversed(sources) for m in source.files}
    if unknown := sorted(set(held) - set(recipe.storages)):
        raise ColliculusError(
            f"sample {held[unknown[0]]!r} holds {unknown[0]!r}, and {recipe.name} stores {', '.join(recipe.storages)}"
        )
    taken = {*COLUMNS, *PREPARED_COLUMNS}
    if bad := [m for m in held if m in taken or not re.fullmatch(r"[\w-]+", m)]:
        raise ColliculusError(f"a modality cannot be called {bad[0]!r}: choose a name of letters, digits, - and _")
    if len(labels := {source.label for source in sources}) < 2:
        raise ColliculusError(
            f"all {len(sources)} samples are of the class {next(iter(labels), None)!r}: give at least two"
        )
    return {m: storage for m, storage in recipe.storages.items() if m in held}


def _open_plan(
    out: Path, recipe: Recipe, incomplete: Incomplete, storages: Mapping[str, Storage], sources: Sequence[Source]
) -> Document:
    """Check that this may be done in `out`, and write down there what it is.

    Raises:
        ColliculusError: `out` holds something else.
    """
    sealed, plan_file = out / SEAL_FILE, out / WORK_FOLDER / _PLAN_FILE
    strange = sorted(
        p.name for p in out.iterdir() if p.name not in (LOCK_FILE, WORK_FOLDER) and not _UNFINISHED.fullmatch(p.name)
    )
    if strange and not sealed.exists() and not plan_file.exists():
        raise ColliculusError(f"{out} holds {strange[0]!r}, which is no prepared data: choose an empty folder")
    with tempfile.TemporaryDirectory(dir=out, prefix=".incomplete-") as aside:
        listed = Path(aside) / _SOURCES_FILE
        write_manifest(listed, sources)  # what a table cannot hold is told at once
        plan: Document = {
            "format": FORMAT,
            "versions": {"colliculus": package_version(), "av": package_version("av")},
            "recipe": {"name": recipe.name, **to_plain(recipe)},
            "incomplete": incomplete,
            "samples": len(sources),
            "sources": hashlib.sha256(listed.read_bytes()).hexdigest(),
            "classes": sorted({source.label for source in sources}),
            "modalities": describe(storages),
        }
        _check_plan(out, plan)
        _sweep(out, spare=aside)
        if not sealed.exists():
            (out / WORK_FOLDER).mkdir(exist_ok=True)
            listed.replace(out / WORK_FOLDER / _SOURCES_FILE)
            if not plan_file.exists():
                write_document(plan_file, plan)
    return plan


def _check_plan(out: Path, plan: Document) -> None:
    """Refuse to do in `out` what is not what was done or begun there."""
    sealed, plan_file = out / SEAL_FILE, out / WORK_FOLDER / _PLAN_FILE
    mend = "give the same settings and raw data, or choose another folder"
    if sealed.exists():
        before = {key: value for key, value in read_document(sealed).items() if key not in _RESULTS}
        check_same(out, {**before, "versions": plan["versions"]}, plan, mend)
    elif plan_file.exists():
        check_same(out, read_document(plan_file), plan, mend)


def _sweep(out: Path, spare: str) -> None:
    """Remove what a kill left of files that were being written, and nothing of any other name."""
    for folder in (out, out / WORK_FOLDER):
        for litter in folder.iterdir() if folder.is_dir() else ():
            if str(litter) != spare and _is_litter(litter):
                if litter.is_dir():
                    shutil.rmtree(litter)
                else:
                    litter.unlink()


def _is_litter(path: Path) -> bool:
    """Whether a folder or a file of this program was being written when it was killed."""
    if path.is_dir():
        return not path.is_symlink() and _UNFINISHED.fullmatch(path.name) is not None
    return path.name == f"{MANIFEST_FILE}{TABLE_TEMPORARY}"


def _check_apart(raw: Path, out: Path) -> None:
    """Whatever is written into the raw data would be a part of them the next time."""
    home, target = Path(os.path.realpath(raw)), Path(os.path.realpath(out))
    inside = raw.is_dir() and target.is_relative_to(home)
    hidden = inside and any(part.startswith(".") for part in target.relative_to(home).parts)  # no recipe looks there
    if (inside and not hidden) or home.is_relative_to(target):
        raise ColliculusError(f"{out} and {raw} lie in one another: choose a folder beside the raw data")
    if out.exists() and not out.is_dir():
        raise ColliculusError(f"{out} is a file: choose a folder to prepare into")


def _check_space(out: Path, arrays: Iterable[RowFile]) -> None:
    needed, free = sum(array.lacking_bytes for array in arrays), shutil.disk_usage(out).free
    if needed > free:
        raise ColliculusError(
            f"{out} needs {needed / 1e9:.2f} GB and its disk has {free / 1e9:.2f} GB left: free some, choose another "
            "folder, or store less (smaller pictures, fewer steps)"
        )


@contextmanager
def _full_disk_told(out: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise ColliculusError(
            f"the disk of {out} is full ({error.strerror}): free some space and run the same command again; it goes on "
            "where it stopped"
        ) from error
