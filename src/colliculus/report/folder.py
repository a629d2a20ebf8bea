"""What a run folder holds, read for a page; what was measured on another model or on other data stays out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colliculus.training.logging import Row, read_metrics
from colliculus.training.pieces import identity
from colliculus.training.result import Result, read_result
from colliculus.training.run import HEALTH_FILE, MODEL_FILE, Run, read_run
from colliculus.types import ColliculusError

Document = dict[str, Any]

ANALYSES = {
    "contribution": "contribution/contribution.json",
    "robustness": "robustness/result.json",
    "energy": "energy/energy.json",
    "explain": "explain/explain.json",
}
"""Where each verb that looks at a run writes what it found."""

SAME = ("model", "fingerprint", "classes", "modalities")
"""What an analysis must have in common with its run, as far as it names it."""


@dataclass(frozen=True)
class Material:
    """What is told of one run.

    Args:
        name: by which the page calls it; no two runs have the same.
        folder: where it lies, as it was named.
        run: its settings.
        commands: the command lines that make it again.
        result: None while it is not finished.
        history: a row for each epoch; may be empty.
        health: spike health at the start and at the end; may be empty.
        analyses: what was found by each verb of `ANALYSES` that was run on this model and these data.
        stale: of the others that were run, in what they differ.
    """

    name: str
    folder: Path
    run: Run
    commands: tuple[str, ...]
    result: Result | None
    history: Sequence[Row]
    health: Document
    analyses: Mapping[str, Document]
    stale: Mapping[str, str]


def read_material(folder: Path, name: str, commands: Callable[[Run], Sequence[str]]) -> Material:
    """Read a run folder.

    Args:
        folder: of the run.
        name: by which the page calls it.
        commands: from what was run to the command lines that make it again.

    Raises:
        ColliculusError: it holds no run, or a file in it is damaged.
    """
    run = read_run(folder)
    found = {verb: document for verb, file in ANALYSES.items() if (document := _read(folder / file)) is not None}
    stale = _stale(folder, run, found)
    return Material(
        name=name,
        folder=folder,
        run=run,
        commands=tuple(commands(run)),
        result=read_result(folder),
        history=read_metrics(folder),
        health=_read(folder / HEALTH_FILE) or {},
        analyses={verb: document for verb, document in found.items() if verb not in stale},
        stale=stale,
    )


def check_comparable(materials: Sequence[Material]) -> None:
    """Refuse runs that do not belong on one page.

    Raises:
        ColliculusError: two differ in data, classes or modalities.
    """
    first, *others = materials
    for other in others:
        kinds = {
            "modalities": (", ".join(first.run.spec.modalities), ", ".join(other.run.spec.modalities)),
            "classes": (", ".join(first.run.spec.names), ", ".join(other.run.spec.names)),
            "data (fingerprint)": (first.run.fingerprint, other.run.fingerprint),
        }
        for kind, (ours, theirs) in kinds.items():
            if ours != theirs:
                raise ColliculusError(
                    f"{first.folder} and {other.folder} differ in their {kind}, {ours} and {theirs}: "
                    "make a report of each"
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


def _stale(folder: Path, run: Run, found: Mapping[str, Document]) -> dict[str, str]:
    if not found or not (folder / MODEL_FILE).exists():
        return {}
    ours = identity(folder, run, run.fingerprint)
    return {
        verb: differs[0]
        for verb, document in found.items()
        if (differs := [key for key in SAME if key in document and document[key] != ours[key]])
    }


def _read(path: Path) -> Document | None:
    """The JSON object in a file; None where there is no such file.

    Raises:
        ColliculusError: it is damaged.
    """
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ColliculusError(f"{path} is damaged, it is no JSON: remove it and make it anew") from error
    if not isinstance(found, dict):
        raise ColliculusError(f"{path} is damaged, it holds no names with values: remove it and make it anew")
    return found
