"""The history of a training: one row of figures per epoch, in `metrics.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from colliculus.files.atomic import write_atomic
from colliculus.files.tables import csv_bytes
from colliculus.runs.names import METRICS_FILE
from colliculus.types import ColliculusError

Row = Mapping[str, float]
"""One epoch's figures by column name."""


def write_metrics(folder: Path, history: Sequence[Row]) -> None:
    """Write `metrics.csv` from the whole history, so that it always agrees with the saved state."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    write_atomic(folder / METRICS_FILE, csv_bytes(columns, ([row.get(name) for name in columns] for row in history)))


def read_metrics(folder: Path) -> list[Row]:
    """Read `metrics.csv`, leaving out empty cells; an absent file is an empty history.

    Raises:
        ColliculusError: the file is damaged.
    """
    path = folder / METRICS_FILE
    if not path.exists():
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        return [{name: float(value) for name, value in row.items() if value} for row in rows]
    except (ValueError, TypeError) as error:
        raise ColliculusError(f"{path} is damaged, a cell is not a number: restore or remove it") from error
