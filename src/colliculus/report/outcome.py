"""What came out of a training, read for a page: a page must not stop half way in a file changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from colliculus.evaluation.metrics import Metrics
from colliculus.files.documents import from_plain
from colliculus.runs.result import Result, read_result
from colliculus.runs.run import RESULT_FILE
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a page tells of `result.json`; `training.result` says what each is."""

    best_epoch: int
    selection: str
    parameters: int
    samples_per_second: float
    device: str
    versions: dict[str, str]
    test: Metrics


def read_outcome(folder: Path, num_classes: int) -> Result | None:
    """What `read_result` gives, and all of it there; None where there is no such file.

    Args:
        folder: of the run.
        num_classes: of its data.

    Raises:
        ColliculusError: the file is damaged, or a figure is not there.
    """
    path = folder / RESULT_FILE
    if not path.exists():
        return None
    result = read_result(folder)
    try:
        if result is None:
            raise ColliculusError("it holds no figures")
        test = from_plain({**_known(result, Outcome), "test": _known(result["test"], Metrics)}, Outcome).test
        counts = [sum(row) for row in test.confusion if len(row) == num_classes]
        if len(counts) != num_classes or counts != [one.total for one in test.per_class]:
            raise ColliculusError("its figures of the classes do not agree")
    except ColliculusError as error:
        raise ColliculusError(
            f"{path} is damaged, or another version wrote it ({error}): remove it, and `colliculus train ... --resume` "
            "tests the run again"
        ) from error
    return result


def _known(found: Any, kind: type[Any]) -> Mapping[str, Any]:
    """What a dataclass knows of a document; a later version may write more."""
    return {field.name: found[field.name] for field in fields(kind) if isinstance(found, dict) and field.name in found}
