"""One HTML page about one or more runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from colliculus.evaluation.groups import check_comparable
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.files.atomic import write_atomic
from colliculus.records import Record, Table
from colliculus.report.material import read_material, short_names
from colliculus.report.page import page
from colliculus.runs.local import local_run
from colliculus.types import ColliculusError

MOST_BYTES = 5_000_000
"""Larger pages are slow to open and too big for e-mail."""


@dataclass(frozen=True, kw_only=True)
class Report(Record):
    """A written page.

    Args:
        path: the file.
        num_bytes: its size.
        runs: run folders on the page.
        left_out: measurements that were left out, a sentence each.
    """

    path: str
    num_bytes: int
    runs: tuple[str, ...]
    left_out: tuple[str, ...]

    def table(self) -> Table:
        """The file and its size; notes on what was left out and on a page that is too large."""
        rows = {"page": self.path, "size": f"{self.num_bytes / 1e6:.2f} MB", "runs": ", ".join(self.runs)}
        large = ("The page is larger than 5 MB: pass fewer runs.",) if self.num_bytes > MOST_BYTES else ()
        return Table.facts("Report", rows, (*self.left_out, *large))


def report(
    runs: TrainedRun | Path | str | Sequence[TrainedRun | Path | str],
    out: Path | str = "report.html",
    title: str | None = None,
    *,
    clips: Path | str | None = None,
) -> Report:
    """Write one HTML file about one or more runs; it needs no network, no script and no other file.

    The page shows what the run folders hold: settings, curves, confusion matrix, classes with intervals, wrong clips,
    spike health, and the measurements of `contribution`, `robustness`, `energy` and `explain`; for one that is absent,
    the command line that makes it. Several runs are also compared.

    Args:
        runs: trained runs or run folders. Several must have the same data and noise at test.
        out: file to write.
        title: title of the page; None takes the presets of the runs.
        clips: folder that the names of the test clips begin at, to show and play those that are wrong; None: the folder
            of the data, where a run was trained on a folder of clips.

    Raises:
        ColliculusError: no run is given, one is damaged, the runs cannot be compared, or the extra `report` is not
            installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report([], f"{folder}/page.html")
        Traceback (most recent call last):
        colliculus.types.ColliculusError: no run is given: pass run folders, as in `colliculus report RUN ...`
    """
    given = [runs] if isinstance(runs, TrainedRun | Path | str) else runs
    paths = [run.folder if isinstance(run, TrainedRun) else local_run(run) for run in given]
    folders = list({path.absolute(): path for path in paths}.values())
    if not folders:
        raise ColliculusError("no run is given: pass run folders, as in `colliculus report RUN ...`")
    root = None if clips is None else Path(clips)
    materials = [read_material(folder, name, root) for folder, name in zip(folders, short_names(folders), strict=True)]
    check_comparable({material.folder: material.run for material in materials})
    presets = dict.fromkeys(material.run.preset for material in materials)
    content = page(materials, ", ".join(presets) if title is None else title).encode()
    write_atomic(Path(out), content)
    return Report(
        path=str(out),
        num_bytes=len(content),
        runs=tuple(map(str, folders)),
        left_out=tuple(f"{m.name}: {why}" for m in materials for why in m.left_out.values()),
    )
