"""How a run ends: the best epoch is tested, once, and `result.json` says what came out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colliculus.files.atomic import write_atomic
from colliculus.runs.history import Row
from colliculus.runs.run import RESULT_FILE

SELECTION = "highest validation accuracy, of equal epochs the last"
"""The last of equal epochs has been trained longest and at the lowest learning rate."""

Result = dict[str, Any]
"""What `result.json` holds."""


def best_epoch(history: Sequence[Row]) -> int:
    """Number of the epoch whose model is kept, from 1, by the rule of `SELECTION`.

    Example:
        >>> best_epoch([{"validation_accuracy": 0.9}, {"validation_accuracy": 0.9}, {"validation_accuracy": 0.5}])
        2
    """
    return max(range(1, len(history) + 1), key=lambda number: (history[number - 1]["validation_accuracy"], number))


def write_result(folder: Path, result: Result) -> None:
    """Write `result.json`; that it is there says that the run is finished."""
    write_atomic(folder / RESULT_FILE, json.dumps(result, indent=1).encode())


def read_result(folder: Path) -> Result | None:
    """What a finished run found; None while it is not finished, or when the file is damaged: it is measured anew."""
    path = folder / RESULT_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"validation", "test"} <= found.keys() else None
