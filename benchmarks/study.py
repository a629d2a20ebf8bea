"""What the studies of RESULTS.md share: their trainings, the figures they read, and where their tables go."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from colliculus.cli.sweep import complain, train_all
from colliculus.files.atomic import write_atomic
from colliculus.sweeps.jobs import PROGRAM
from colliculus.sweeps.plan import Grid, Variant, plan_variants, variants


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Where tables go."""

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
            sys.exit(f"{self.into} has {found} places for the table {name}, give it one")
        write_atomic(self.into, text.encode())


@dataclass(frozen=True, kw_only=True)
class Study(Tables):
    """Where a study finds its data and keeps its runs, and how many there are."""

    out: Path
    """Folder of the runs."""
    data_root: Path | None = None
    """Folder of the dataset; None: the cache folder, downloaded on first use."""
    seeds: int = 3
    """Trainings of each preset or variant; the seed decides initial weights and order, not the split or the pairs."""
    jobs: int = os.cpu_count() or 1
    """Trainings at once, each on one thread."""

    def train(self, chosen: Sequence[Variant], seeds: int | None = None) -> dict[str, list[Path]]:
        """Train what is not trained, as `colliculus sweep` does; the run folders of each variant, seed by seed."""
        todo = plan_variants(chosen, range(seeds or self.seeds), self.out)
        complain(train_all(todo, self.jobs), len(todo))
        return {variant.name: [job.folder for job in todo if variant.trained_by(job)] for variant in chosen}

    def grid(
        self, presets: Sequence[str], flags: Sequence[str], settings: Mapping[str, Sequence[str]] | None = None
    ) -> list[Variant]:
        """Presets with flags for all, in all combinations of settings."""
        return variants(Grid(presets=presets, settings=settings or {}, flags=(*flags, *self._root)))

    def variant(self, title: str, preset: str, *flags: str) -> Variant:
        """A preset with other settings, under a title of the table."""
        return Variant(preset, re.sub(r"[^\w.]+", "-", title.lower()).strip("-"), (*flags, *self._root))

    @property
    def _root(self) -> tuple[str, ...]:
        return ("--data.root", str(self.data_root)) if self.data_root else ()

    def examine(self, folders: Iterable[Path], verb: str, record: str, *flags: str) -> None:
        """Run `colliculus VERB RUN` on the runs that do not hold what it writes yet."""
        left = [folder for folder in folders if not (folder / record).exists()]
        environment = {"OMP_NUM_THREADS": "1", **os.environ}

        def look(folder: Path) -> str:
            command = [*PROGRAM, verb, str(folder), *flags]
            done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
            return f"{verb} of {folder}: {done.stderr.strip()}" if done.returncode else ""

        with ThreadPoolExecutor(self.jobs) as pool:
            if complaints := [told for told in pool.map(look, left) if told]:
                sys.exit("\n".join(complaints))


def read(path: Path) -> dict[str, Any]:
    """A JSON file of a run."""
    return json.loads(path.read_text(encoding="utf-8"))


def rates(runs: Iterable[Path], moment: str) -> list[float]:
    """Firing rate of every layer of some runs, in percent, before ("start") or after training ("end")."""
    return [100 * layer["rate"] for run in runs for layer in read(run / "spike_health.json")[moment]["layers"]]


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation; of one value itself."""
    return f"{mean(values):.1f} ± {stdev(values):.1f}" if len(values) > 1 else f"{mean(values):.1f}"


def markdown(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Rows, each its cells by heading, as a table."""
    headings = list(rows[0])
    return [_line(headings), "|" + "---|" * len(headings), *(_line(list(row.values())) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
