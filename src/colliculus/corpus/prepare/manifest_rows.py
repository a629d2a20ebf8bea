"""`manifest.csv` of a prepared folder: samples and the results of their preparation, one row each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from colliculus.corpus.manifest import COLUMNS, sample_cells
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.sample import Sample
from colliculus.files.checks import file_digest
from colliculus.files.documents import from_plain
from colliculus.files.tables import TableFile, write_table

MANIFEST_FILE = "manifest.csv"
_CONTENT = "#content"  # column of the digests of rows; readers of manifests skip columns that begin with #
_NOTES = "#notes"  # column of the notes, only where there are any


def write_samples(
    folder: Path, samples: Sequence[Sample], results: Sequence[PreparationResult], names: Sequence[str]
) -> str:
    """Write `manifest.csv` for the modalities `names`; returns its digest.

    Raises:
        ColliculusError: it cannot be written.
    """
    noted = any(result.notes for result in results)
    rows = (
        [
            str(result.row),
            *sample_cells(sample, names),
            " ".join(result.missing),
            "" if result.duration_s is None else str(result.duration_s),
            " ".join(f"{m}={digest}" for m, digest in result.sha256.items()),
            result.content,
            result.problem,
            *([json.dumps(dict(result.notes), ensure_ascii=False) if result.notes else ""] if noted else []),
        ]
        for sample, result in zip(samples, results, strict=True)
    )
    columns = (
        "row",
        *COLUMNS,
        *names,
        "missing",
        "duration_s",
        "sha256",
        _CONTENT,
        "problem",
        *([_NOTES] if noted else []),
    )
    write_table(folder / MANIFEST_FILE, columns, rows)
    return file_digest(folder / MANIFEST_FILE)


def results_in(table: TableFile) -> list[PreparationResult]:
    """Results of a table that `write_samples` wrote.

    Raises:
        KeyError: a column is missing.
        ValueError: a cell holds something else.
    """
    columns = {name: table.columns.index(name) for name in table.columns}
    named = ({name: cells[at] for name, at in columns.items()} for cells in table.rows)
    return [
        PreparationResult(
            row=int(cells["row"]),
            missing=tuple(cells["missing"].split()),
            content=cells[_CONTENT],
            problem=cells["problem"],
            duration_s=float(cells["duration_s"]) if cells["duration_s"] else None,
            sha256={m: digest for m, _, digest in (part.partition("=") for part in cells["sha256"].split())},
            notes=from_plain(json.loads(notes), dict[str, str]) if (notes := cells.get(_NOTES)) else {},
        )
        for cells in named
    ]
