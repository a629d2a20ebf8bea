"""Many prepared rows: what each costs at preparation, at the start of a training, and when batches are read.

    python benchmarks/many_rows.py                    # 10^4, 10^5 and 10^6 rows, and what 10^7 would take
    python benchmarks/many_rows.py --rows 10000 --out FOLDER

Each number of rows has a process of its own, in which `prepare` writes rows of 1 x 8 x 8 numbers with everything but a
decoder: plan, journal, arrays, digests and manifest. Then two starts of a training are timed: the first one, which
verifies the arrays and divides the samples, and a later one in a fresh process. Seconds are those of the processor, as
nothing here waits for more than the disk. Prints a table and the
slope between the two largest numbers.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import tyro

from colliculus.corpus.prepare import build
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.prepare.workspace import Workspace
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.corpus.sample import Sample
from colliculus.data.dataset import Dataset
from colliculus.data.prepared import Prepared

SHAPE = (1, 8, 8)
BATCH, BATCHES = 256, 40


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Numbers of rows."""

    rows: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    """Numbers of rows that are measured."""
    planned: int = 10_000_000
    """Number of rows that the slope is drawn out to."""
    shard_gb: float = 0.1
    """Size that no file of arrays exceeds."""
    out: Path | None = None
    """Folder for the data; None: a temporary one, which is deleted."""


def undecoded(
    place: Workspace,
    _samples: Sequence[Sample],
    rows: Sequence[int],
    *,
    jobs: int,  # noqa: ARG001 - as `results_of`
) -> Iterator[PreparationResult]:
    """Rows as a decoder would give them, in the place of `results_of`."""
    random = np.random.default_rng(0)
    with place.open() as opened:
        for row in rows:
            content = random.random(SHAPE, dtype=np.float32).tobytes()
            opened.rows["lidar"].write(row, content)
            yield PreparationResult(row, (), sha256(content).hexdigest(), sha256={"lidar": f"{row:064x}"})


def timed(settings: Prepared) -> tuple[float, Dataset]:
    """Seconds of the processor that a start takes, and the data."""
    begin = process_time()
    data = settings.load()
    return process_time() - begin, data


def measure(rows: int, shard_gb: float, folder: Path) -> dict[str, float]:
    """Figures of one number of rows."""
    raw, out = folder / f"raw-{rows}", folder / f"prepared-{rows}"
    raw.mkdir()
    lines = (f"{row},{'ab'[row % 2]},g{row // 4},many.npz::{row}\n" for row in range(rows))
    with (raw / "many.csv").open("w") as file:
        file.writelines(["name,label,group,lidar\n", *lines])
    build.results_of = undecoded
    recipe = ManifestRecipe(sounds=(), pictures=(), arrays=(f"lidar:{'x'.join(map(str, SHAPE))}",))
    begin = process_time()
    build.prepare(recipe, raw / "many.csv", out, jobs=0, shard_gb=shard_gb)
    prepared = process_time() - begin
    size = sum(file.stat().st_size for file in out.rglob("*"))
    first, data = timed(Prepared(root=out))
    order = np.random.default_rng(0).integers(0, len(data.train), (BATCHES, BATCH))
    begin = process_time()
    for indices in order:
        data.train.batch(indices, epoch=0)
    read = process_time() - begin
    del data
    later = in_a_process(f"m.again(m.Path({str(out)!r}))")
    for made in (raw, out):
        shutil.rmtree(made)
    return {
        "written, rows/s": rows / prepared,
        "read, rows/s": BATCH * BATCHES / read,
        "bytes a row": size / rows,
        "prepare, s": prepared,
        "first start, s": first,
        "next start, s": later["seconds"],
        "memory of prepare and first start, MB": peak_mb(),
        "memory of next start, MB": later["memory"],
    }


def again(out: Path) -> dict[str, float]:
    """Figures of a later start."""
    before = peak_mb()
    seconds, _ = timed(Prepared(root=out))
    return {"seconds": seconds, "memory": peak_mb() - before}


def peak_mb() -> float:
    """Most memory that this process has had, in MB; that of `getrusage` begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1000


def in_a_process(expression: str) -> dict[str, float]:
    """The value of an expression in a fresh process; `m` in it is this module."""
    here = str(Path(__file__).parent)
    program = f"import json, sys; sys.path.insert(0, {here!r}); import many_rows as m; print(json.dumps({expression}))"
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def report(found: dict[int, dict[str, float]], planned: int) -> None:
    """Print the table; the last column goes on from the two largest numbers of rows in a straight line."""
    counts = sorted(found)
    print("| |", " | ".join(f"{count:,}" for count in counts), f"| {planned:,}, drawn out |")
    print("|---|" + "---|" * (len(counts) + 1))
    for name in found[counts[0]]:
        values = [found[count][name] for count in counts]
        if len(counts) < 2 or "rows/s" in name or "a row" in name:
            drawn = values[-1]
        else:
            drawn = values[-1] + (values[-1] - values[-2]) / (counts[-1] - counts[-2]) * (planned - counts[-1])
        cells = (f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in (*values, drawn))
        print(f"| {name} |", " | ".join(cells), "|")


def main(settings: Settings) -> None:
    """Measure each number of rows in a process of its own."""
    with TemporaryDirectory() as temporary:
        folder = settings.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found: dict[int, dict[str, float]] = {}
        for rows in settings.rows:
            found[rows] = in_a_process(f"m.measure({rows}, {settings.shard_gb}, m.Path({str(folder)!r}))")
        report(found, settings.planned)


if __name__ == "__main__":
    main(tyro.cli(Settings))
