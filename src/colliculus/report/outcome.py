"""The result of a training, read for a page."""

from __future__ import annotations

from pathlib import Path

from colliculus.runs.result import TrainingResult
from colliculus.runs.run import RESULT_FILE
from colliculus.types import ColliculusError


def read_outcome(folder: Path, num_classes: int) -> TrainingResult | None:
    """The result of a run; None where it is not finished.

    Args:
        folder: of the run.
        num_classes: of its data.

    Raises:
        ColliculusError: the file is damaged, or a figure is not there.
    """
    path = folder / RESULT_FILE
    if not path.exists():
        return None
    try:
        result = TrainingResult.read(path)
        counts = [sum(row) for row in result.test.confusion if len(row) == num_classes]
        if len(counts) != num_classes or counts != [one.total for one in result.test.per_class]:
            raise ColliculusError("its figures of the classes do not agree")
    except ColliculusError as error:
        raise ColliculusError(
            f"{path} is damaged, or another version wrote it ({error}): remove it, and `colliculus train ... --resume` "
            "tests the run again"
        ) from error
    return result
