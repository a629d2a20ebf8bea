"""What a run folder holds, read for a page; what was measured on another model or on other data stays out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colliculus.evaluation.groups import was_imported
from colliculus.report.outcome import read_outcome
from colliculus.runs.history import Row, read_metrics
from colliculus.runs.identity import identity
from colliculus.runs.result import TrainingResult
from colliculus.runs.run import HEALTH_FILE, METRICS_FILE, MODEL_FILE, Run, read_run
from colliculus.types import ColliculusError

Document = dict[str, Any]

ANALYSES = {
    "contribution": "contribution/contribution.json",
    "robustness": "robustness/result.json",
    "energy": "energy/energy.json",
    "explain": "explain/explain.json",
}
"""Where each verb that looks at a run writes what it found."""

RECORDS = {**ANALYSES, "inspect": HEALTH_FILE}
"""The same, and what training itself writes by the verb that shows it."""

SAME = {
    "model": "another model",
    "fingerprint": "other data",
    "classes": "other classes",
    "modalities": "other modalities",
}
"""What an analysis must have in common with its run, as far as it names it, and on what it was measured if not."""

UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, ColliculusError)
"""In what reading a record ends that lacks something, or holds it in another form."""


@dataclass(frozen=True)
class Material:
    """What is told of one run.

    Args:
        name: by which the page calls it; no two runs have the same.
        folder: where it lies, as it was named.
        run: its settings.
        commands: the command lines that make it again.
        result: None while it is not finished, and of a run that was imported.
        history: a row for each epoch; may be empty.
        analyses: what was found by each verb of `RECORDS` that was run on this model and these data.
        left_out: why what another one found is not told: the end of a sentence.
    """

    name: str
    folder: Path
    run: Run
    commands: tuple[str, ...]
    result: TrainingResult | None
    history: Sequence[Row]
    analyses: Mapping[str, Document]
    left_out: Mapping[str, str]

    @property
    def imported(self) -> bool:
        """Whether it was trained by another program."""
        return was_imported(self.run)

    def without(self, verb: str) -> Material:
        """The same, less a record that nobody can read."""
        why = f"is left out: {RECORDS[verb]} is damaged, or was written by another version"
        others = {name: record for name, record in self.analyses.items() if name != verb}
        return replace(self, analyses=others, left_out={**self.left_out, verb: why})


def read_material(folder: Path, name: str, commands: Callable[[Run], Sequence[str]]) -> Material:
    """Read a run folder.

    Args:
        folder: of the run.
        name: by which the page calls it.
        commands: from what was run to the command lines that make it again.

    Raises:
        ColliculusError: it holds no run, or what its training wrote is damaged.
    """
    run = read_run(folder)
    found = {verb: record for verb, file in RECORDS.items() if (record := _read(folder / file)) is not None}
    others = _others(folder, run, found)
    return Material(
        name=name,
        folder=folder,
        run=run,
        commands=tuple(commands(run)),
        result=read_outcome(folder, run.spec.num_classes),
        history=_history(folder),
        analyses={verb: record for verb, record in found.items() if verb not in others},
        left_out={verb: f"was measured on {what} and is left out" for verb, what in others.items()},
    )


def short_names(folders: Sequence[Path]) -> list[str]:
    """A name for each run: the end of its path, as long as it takes to tell them apart.

    Example:
        >>> short_names([Path("runs/a/0"), Path("runs/b/0")]), short_names([Path("runs/a")])
        (['a/0', 'b/0'], ['a'])
    """
    parts = [folder.absolute().parts for folder in folders]
    longest = max(map(len, parts))
    lengths = (size for size in range(1, longest + 1) if len({part[-size:] for part in parts}) == len(parts))
    size = next(lengths, longest)
    return ["/".join(part[-size:]) for part in parts]


def _others(folder: Path, run: Run, found: Mapping[str, Document]) -> dict[str, str]:
    """Of the records that are of another model or of other data: of what."""
    if not found or not (folder / MODEL_FILE).exists():
        return {}
    ours = identity(folder, run, run.fingerprint)
    known = [key for key in SAME if key != "fingerprint" or not was_imported(run)]
    differing = {
        verb: [SAME[key] for key in known if key in record and record[key] != ours[key]]
        for verb, record in found.items()
    }
    return {verb: whats[0] for verb, whats in differing.items() if whats}


def _history(folder: Path) -> list[Row]:
    history = read_metrics(folder)
    if any("epoch" not in row for row in history):
        raise ColliculusError(f"{folder / METRICS_FILE} is damaged, a row names no epoch: restore or remove it")
    return history


def _read(path: Path) -> Document | None:
    """The JSON object in a file, an empty one where it holds none; None where there is no such file."""
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
