"""What has been done so far, so that a kill at any moment costs little: one line for each finished row."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from colliculus.corpus.prepare.sample import Outcome


@dataclass(frozen=True)
class Journal:
    """A file to which outcomes are added."""

    handle: int

    def add(self, outcome: Outcome) -> None:
        """Tell of a row that has been written.

        Raises:
            OSError: the disk is full; what was added of the line is passed over when the journal is read again.
        """
        rest = memoryview(f"{json.dumps(vars(outcome))}\n".encode())
        while rest:
            rest = rest[os.write(self.handle, rest) :]


@contextmanager
def open_journal(path: Path) -> Generator[tuple[Journal, dict[int, Outcome]]]:
    """The journal, and the outcomes that it tells of, by row; a line that a kill or a full disk cut off goes."""
    outcomes: dict[int, Outcome] = {}
    good = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        outcome = _parse(line)
        if outcome is None:
            break
        outcomes[outcome.row] = outcome
        good += len(line)
    with path.open("ab", buffering=0) as file:
        file.truncate(good)
        yield Journal(file.fileno()), outcomes


def _parse(line: bytes) -> Outcome | None:
    """The outcome that a whole line tells of."""
    if not line.endswith(b"\n"):
        return None
    try:
        told = cast("dict[str, object]", json.loads(line))
        return Outcome(
            row=int(cast("int", told["row"])),
            missing=tuple(cast("list[str]", told["missing"])),
            content=str(told["content"]),
            problem=str(told["problem"]),
            duration_s=cast("float | None", told["duration_s"]),
            sha256=dict(cast("Mapping[str, str]", told["sha256"])),
        )
    except (ValueError, KeyError, TypeError):
        return None
