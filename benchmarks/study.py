"""Shared parts of the studies of RESULTS.md: trainings, numbers read from runs, and the place of the tables."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, TypeVar

from colliculus.evaluation.robustness import Robustness
from colliculus.evaluation.spike_health import read_health
from colliculus.evaluation.trained_run import open_run
from colliculus.files.atomic import write_atomic
from colliculus.presets import preset
from colliculus.runs.experiment import replaced
from colliculus.runs.result import TrainingResult
from colliculus.sweeps.jobs import PROGRAM
from colliculus.sweeps.plan import Values, Variant, plan_variants, variants
from colliculus.sweeps.sweep import failure, train_all

TrialT = TypeVar("TrialT")
FoundT = TypeVar("FoundT")


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Destination of tables."""

    into: Path | None = None
    """Markdown file whose blocks of the same names the tables replace; None: they are printed alone."""

    def publish(self, name: str, lines: Iterable[str]) -> None:
        """Print a table, and put it between `<!-- NAME -->` and `<!-- end of NAME -->` of the file."""
        table = "\n".join(lines)
        print(f"{name}:\n\n{table}\n", flush=True)
        if self.into is None:
            return
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text, found = block.subn(lambda match: f"{match[1]}{table}\n{match[2]}", self.into.read_text(encoding="utf-8"))
        if found != 1:
            sys.exit(f"{self.into} has {found} places for the table {name}: give it one")
        write_atomic(self.into, text.encode())


@dataclass(frozen=True, kw_only=True)
class Study(Tables):
    """Data of a study, folder of its runs, and their number."""

    out: Path
    """Folder of the runs."""
    data_root: Path | None = None
    """Folder of the dataset; None: the cache folder, downloaded on first use."""
    seeds: int = 3
    """Trainings of each preset or variant; the seed decides initial weights and order, not the split or the pairs."""
    jobs: int = os.cpu_count() or 1
    """Trainings at once, each on one thread."""

    def train(self, chosen: Sequence[Variant], seeds: int | None = None) -> dict[str, list[Path]]:
        """Train what is not trained, as `colliculus.sweeps` does; the run folders of each variant, seed by seed."""
        todo = plan_variants(chosen, seeds or self.seeds, self.out)
        failed = train_all(todo, self.jobs)
        if failed:
            sys.exit(failure({job.folder.name: error for job, error in failed.items()}, len(todo)))
        return {variant.name: [job.folder for job in todo if variant.trained_by(job)] for variant in chosen}

    def grid(
        self, presets: Sequence[str], changes: Mapping[str, Any], settings: Mapping[str, Values] | None = None
    ) -> list[Variant]:
        """Presets with changes for all, in all combinations of settings."""
        return variants(presets, settings or {}, {**changes, **self._root})

    def variant(self, title: str, name: str, changes: Mapping[str, Any]) -> Variant:
        """A preset with other settings, under a title of the table."""
        folder = re.sub(r"[^\w.]+", "-", title.lower()).strip("-")
        return Variant(name, folder, replaced(preset(name), {**changes, **self._root}))

    @property
    def _root(self) -> dict[str, Path]:
        return {"data.root": self.data_root} if self.data_root else {}

    def examine(self, folders: Iterable[Path], verb: str, record: str, *flags: str) -> None:
        """Run `colliculus VERB RUN` on the runs that have no such record yet."""
        left = [folder for folder in folders if not (folder / record).exists()]
        environment = {"OMP_NUM_THREADS": "1", **os.environ}

        def look(folder: Path) -> str:
            command = [*PROGRAM, verb, str(folder), *flags]
            done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
            return f"{verb} of {folder}: {done.stderr.strip()}" if done.returncode else ""

        with ThreadPoolExecutor(self.jobs) as pool:
            if complaints := [complaint for complaint in pool.map(look, left) if complaint]:
                sys.exit("\n".join(complaints))


def side_by_side(run: Callable[[TrialT, Path], FoundT], trials: Sequence[TrialT], out: Path, jobs: int) -> list[FoundT]:
    """Results of `run` for each trial and the folder `out`, from `jobs` processes at once."""
    out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(run, trials, [out] * len(trials)))


def result(folder: Path) -> TrainingResult:
    """Result of a finished run."""
    return open_run(folder, "cpu").result


def validation(folders: Sequence[Path]) -> float:
    """Mean validation accuracy of runs."""
    return mean(found.accuracy for folder in folders if (found := result(folder).validation) is not None)


def rates(runs: Iterable[Path], moment: str) -> list[float]:
    """Firing rate of every layer of some runs, in percent, before ("start") or after training ("end")."""
    return [100 * layer.rate for run in runs for layer in read_health(run)[moment].layers]


def areas(records: Iterable[Robustness], target: str) -> list[float]:
    """Mean accuracy along the curve of white noise on some modalities, in percent, one for each run."""
    curves = [c for record in records for c in record.curves if (c.kind, c.target) == ("white", target)]
    return [100 * curve.area for curve in curves if curve.area is not None]


def without(records: Iterable[Robustness], modality: str) -> list[float]:
    """Accuracy of runs without a modality, in percent; none for methods that need it."""
    curves = [c for record in records for c in record.curves if (c.kind, c.target) == ("missing", modality)]
    return [100 * c.accuracy[c.severities.index("absent")] for c in curves if "absent" in c.severities]


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation; for one value, the value."""
    return f"{mean(values):.1f} ± {stdev(values):.1f}" if len(values) > 1 else f"{mean(values):.1f}"


def markdown(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Rows, each its cells by heading, as a table."""
    headings = list(rows[0])
    return [_line(headings), "|" + "---|" * len(headings), *(_line(list(row.values())) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
