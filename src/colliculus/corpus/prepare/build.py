"""Preparation: from raw files to one folder of arrays; the same settings and files always give the same bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from colliculus.corpus.manifest import write_manifest
from colliculus.corpus.prepare.manifest_rows import write_samples
from colliculus.corpus.prepare.plan import (
    PLAN_FILE,
    SAMPLES_FILE,
    check_apart,
    check_same,
    check_space,
    finished_plan,
    open_plan,
    used_storages,
)
from colliculus.corpus.prepare.preparation import Preparation, summarise
from colliculus.corpus.prepare.prepared_folder import (
    DIVIDED_FOLDER,
    PREPARE_FILE,
    WORK_FOLDER,
    PreparedFolder,
    read_prepared,
    row_files,
)
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.result import PreparationResult, digests, open_journal
from colliculus.corpus.prepare.rows import RowFile
from colliculus.corpus.prepare.verification import VERIFIED_FILE, verify
from colliculus.corpus.prepare.workers import Progress, num_processes, results_of, silent
from colliculus.corpus.prepare.workspace import Incomplete, Workspace
from colliculus.corpus.recipes import RECIPES
from colliculus.corpus.sample import Sample
from colliculus.files.atomic import FULL
from colliculus.files.checks import file_digest, refuse_links
from colliculus.files.documents import Document, write_document
from colliculus.files.lock import locked
from colliculus.types import ColliculusError, unknown_name

_JOURNAL_FILE = "journal.jsonl"


def prepare(
    recipe: Recipe | str,
    raw: Path | str,
    out: Path | str,
    *,
    jobs: int | None = None,
    incomplete: Incomplete = "skip",
    strict: bool = False,
    ray: str | None = None,
    shard_gb: float | None = None,
    progress: Progress = silent,
) -> Preparation:
    r"""Prepare a data set for training: decode its files once, into one folder of arrays.

    An interrupted preparation continues when it is called again. A finished one is checked and left as it is, except
    that samples whose files were repaired are added.

    Args:
        recipe: settings of a recipe, which name the samples and their storage, or the name of a recipe with its
            defaults (see `colliculus.corpus.recipes.RECIPES`).
        raw: raw files in the layout of the recipe.
        out: folder to fill: absent, empty, or begun with the same settings.
        jobs: processes; None: as many as there are cores; 0: only this one, which ends if a decoder crashes. On a
            cluster, samples at a time.
        incomplete: treatment of a sample with an unreadable modality.
        strict: treat a file that is damaged in part, or ends before its stated length, as unreadable.
        ray: address of a Ray cluster whose machines decode, such as "auto"; "local" starts one on this machine; None:
            processes of this machine. The bytes are the same.
        shard_gb: size that no file of arrays exceeds, in GB (10^9 bytes); None: 2. A modality that is larger is kept in
            several files. A folder that was begun keeps the size it was begun with.
        progress: called after each sample with the number of finished samples and of all samples.

    Raises:
        ColliculusError: the raw data do not have the layout of the recipe, no sample can be prepared, `out` holds
            something else or is in use, or the disk is full.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from colliculus.corpus.recipes.manifest import ManifestRecipe
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     raw = Path(folder, "raw")
        ...     raw.mkdir()
        ...     for name in ("a", "b"):
        ...         np.save(raw / f"{name}.npy", np.ones((1, 4, 4), np.float32))
        ...     _ = (raw / "all.csv").write_text("label,lidar\nwalk,a.npy\nrun,b.npy\n")
        ...     recipe = ManifestRecipe(sounds=(), pictures=(), arrays=("lidar:1x4x4",))
        ...     prepare(recipe, raw / "all.csv", Path(folder, "prepared"), jobs=0).usable
        2
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise unknown_name("recipe", recipe, RECIPES)
        recipe = RECIPES[recipe]()
    num_processes(jobs)
    raw, out = Path(raw).absolute(), Path(out).absolute()
    if not raw.exists():
        raise ColliculusError(f"{raw} does not exist: pass the raw data")
    check_apart(raw, out)
    samples = recipe.samples(raw)
    storages = used_storages(recipe, samples)
    with _full_disk_reported(out):
        out.mkdir(parents=True, exist_ok=True)
        refuse_links(out)
        with locked(out, "is being prepared by another process"):
            plan = open_plan(out, recipe, incomplete, storages, samples, strict=strict, shard_gb=shard_gb)
            arrays = row_files(out, storages, len(samples), plan.get("shards", {}))
            root = raw if raw.is_dir() else raw.parent
            place = Workspace(root, storages, arrays, incomplete, strict)
            job = _Job(out, place, samples, plan, recipe.skipped(raw), progress)
            if (out / PREPARE_FILE).exists():
                folder = read_prepared(out)
                if not job.has_repaired_files(folder):
                    return job.summary(folder.results, kept=len(samples))
                job.reopen(folder)
            return job.run(jobs, ray)


@dataclass(frozen=True)
class _Job:
    """One preparation in a locked folder with a checked plan."""

    out: Path
    place: Workspace
    samples: Sequence[Sample]
    plan: Document
    skipped: Mapping[str, tuple[str, ...]]
    progress: Progress

    @property
    def files(self) -> list[RowFile]:
        """Files of all modalities."""
        return [file for array in self.place.arrays.values() for file in array.files]

    def run(self, jobs: int | None, ray: str | None) -> Preparation:
        """Prepare the samples that the journal does not hold, and finish the folder."""
        check_space(self.out, self.place.arrays.values())
        for array in self.place.arrays.values():
            array.create()
        with open_journal(self.out / WORK_FOLDER / _JOURNAL_FILE) as (add, recorded):
            with self.place.open() as opened:
                known = {row: result for row, result in recorded.items() if row < len(self.samples)}
                done = {row: result for row, result in known.items() if opened.holds(result, self.samples[row])}
            kept, rows = len(done), [row for row in range(len(self.samples)) if row not in done]
            self.progress(kept, len(self.samples))
            with closing(self._results(rows, jobs, ray)) as work:
                for result in work:
                    add(result)
                    done[result.row] = result
                    self.progress(len(done), len(self.samples))
        results = [done[row] for row in range(len(self.samples))]
        summary = self.summary(results, kept=kept)
        if not summary.usable:
            for path in (*(file.path for file in self.files), self.out / WORK_FOLDER / PLAN_FILE):
                path.unlink(missing_ok=True)  # without rows and plan, other samples may be prepared here
            shutil.rmtree(self.out / WORK_FOLDER)
            raise ColliculusError(
                f"none of the {len(self.samples)} samples can be prepared; the first: {results[0].problem}. Fix the"
                " files and run the same command again"
            )
        self.finalise(results, summary.usable)
        return summary

    def _results(self, rows: Sequence[int], jobs: int | None, ray: str | None) -> Generator[PreparationResult]:
        if ray is None:
            return results_of(self.place, self.samples, rows, jobs=num_processes(jobs))
        from colliculus.corpus.prepare.on_ray import results_on_ray

        return results_on_ray(self.place, self.samples, rows, jobs=jobs, address=ray)

    def finalise(self, results: Sequence[PreparationResult], usable: int) -> None:
        """Write `manifest.csv` and then `prepare.yaml`, whose presence means that the folder is complete."""
        for file in self.files:
            with file.path.open("r+b") as opened:
                os.fsync(opened.fileno())
        content = hashlib.sha256("".join(result.content for result in results).encode()).hexdigest()
        manifest = write_samples(self.out, self.samples, results, list(self.place.storages))
        found: Document = {"manifest": manifest, "content": content, "usable": usable}
        if "shards" in self.plan:
            found["files"] = {file.path.name: file_digest(file.path) for file in self.files}
        write_document(self.out / PREPARE_FILE, {**self.plan, **found})
        shutil.rmtree(self.out / WORK_FOLDER)

    def has_repaired_files(self, folder: PreparedFolder) -> bool:
        """True if files changed of samples of a finished preparation that had a problem; an error if others changed."""
        shutil.rmtree(folder.path / WORK_FOLDER, ignore_errors=True)
        verify(folder)
        repaired = False
        for done, (sample, result) in enumerate(zip(self.samples, folder.results, strict=True), 1):
            if digests(self.place.root, sample) != result.sha256:
                if not result.problem:
                    raise ColliculusError(
                        f"the files of {sample.name!r} have changed since {folder.path} was prepared: prepare them into"
                        " a new folder"
                    )
                repaired = True
            self.progress(done, len(self.samples))
        return repaired

    def reopen(self, folder: PreparedFolder) -> None:
        """Turn a finished preparation into an interrupted one; a kill at any moment leaves one or the other.

        Refuse one of other versions, which may decode differently.
        """
        work = folder.path / WORK_FOLDER
        check_same(folder.path, finished_plan(folder.path), self.plan, "prepare the repaired files into a new folder")
        work.mkdir()
        write_manifest(work / SAMPLES_FILE, self.samples)
        with open_journal(work / _JOURNAL_FILE) as (add, _):
            for result in folder.results:
                add(result)
        write_document(work / PLAN_FILE, self.plan)
        (folder.path / PREPARE_FILE).unlink()
        (folder.path / VERIFIED_FILE).unlink(missing_ok=True)
        shutil.rmtree(folder.path / DIVIDED_FOLDER, ignore_errors=True)

    def summary(self, results: Sequence[PreparationResult], kept: int) -> Preparation:
        """The record of the preparation."""
        return summarise(self.place, self.samples, results, folder=self.out, kept=kept, skipped=self.skipped)


@contextmanager
def _full_disk_reported(out: Path) -> Generator[None]:
    """Raise a `ColliculusError` with advice if the disk is full."""
    try:
        yield
    except (OSError, ColliculusError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError) or cause.errno not in FULL:
            raise
        raise ColliculusError(
            f"the disk of {out} is full ({cause.strerror}): free some space and run the same command again; it"
            " continues where it stopped"
        ) from error
