"""Journal of a preparation: one line for each finished row, so that a kill costs one row per process."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from colliculus.corpus.prepare.result import PreparationResult
from colliculus.files.documents import from_plain


@dataclass(frozen=True)
class Journal:
    """An open file to which results are appended."""

    handle: int

    def add(self, result: PreparationResult) -> None:
        """Append the result of a row that has been written.

        Raises:
            OSError: the disk is full. An incomplete line is ignored when the journal is read again.
        """
        rest = memoryview(f"{json.dumps(vars(result))}\n".encode())
        while rest:
            rest = rest[os.write(self.handle, rest) :]


@contextmanager
def open_journal(path: Path) -> Generator[tuple[Journal, dict[int, PreparationResult]]]:
    """The journal and its results by row. A line that a kill or a full disk cut off is removed."""
    results: dict[int, PreparationResult] = {}
    good = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        try:
            result = from_plain(json.loads(line), PreparationResult)
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        results[result.row] = result
        good += len(line)
    with path.open("ab", buffering=0) as file:
        file.truncate(good)
        yield Journal(file.fileno()), results
