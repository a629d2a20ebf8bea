"""The contents of a run folder, read for the page; what was measured on another model or on other data is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import join

from colliculus.evaluation.contribution import Contribution
from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.explanation.record import Explanation
from colliculus.evaluation.robustness import Robustness
from colliculus.evaluation.spike_health import SpikeHealth, read_health
from colliculus.runs.history import Row, read_metrics
from colliculus.runs.identity import RunRecord, identity
from colliculus.runs.result import TrainingResult
from colliculus.runs.run import HEALTH_FILE, METRICS_FILE, MODEL_FILE, RESULT_FILE, Run, read_run
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class Analysis:
    """One kind of measurement that the page shows.

    Args:
        subject: its name at the beginning of a sentence.
        kind: class of its record; None for spike health, which the training itself measures.
        absent: end of the sentence for a run without it, and the introduction of the command.
        again: introduction of the command where its record cannot be shown.
    """

    subject: str
    kind: type[RunRecord] | None
    absent: str = "has not been measured. To measure it, run:"
    again: str = "To measure it again, run:"


ANALYSES = {
    "contribution": Analysis("The contribution of the modalities", Contribution),
    "robustness": Analysis("Robustness", Robustness),
    "energy": Analysis("The energy of a decision", Energy),
    "explain": Analysis(
        "The explanation of example clips",
        Explanation,
        "has not been made. To make it, run:",
        "To make it again, run:",
    ),
    "inspect": Analysis(
        "Spike health",
        None,
        "was not recorded in the training. To see that of the model, run:",
        "To see that of the model, run:",
    ),
}
"""Measurements by the verb that makes them."""

SAME = {"model": "another model", "fingerprint": "other data", "classes": "other classes", "modalities": "other data"}
"""Fields in which a record must agree with its run, and what it was measured on where it does not."""


@dataclass(frozen=True)
class Material:
    """Everything the page shows of one run.

    Args:
        name: name on the page; no two runs have the same.
        folder: run folder, as the user gave it.
        run: contents of `run.yaml`.
        result: None where the training is not finished, and of an imported run.
        history: a row of figures for each epoch; may be empty.
        records: measurements of this model on these data, by verb.
        left_out: reason why another measurement is not shown, by verb: a sentence.
        health: spike health by moment ("end", "start"); may be empty.
        clips: folder that the names of the clips begin at; None: as the data say.
    """

    name: str
    folder: Path
    run: Run
    result: TrainingResult | None
    history: Sequence[Row]
    records: Mapping[str, RunRecord]
    left_out: Mapping[str, str]
    health: Mapping[str, SpikeHealth]
    clips: Path | None = None

    @property
    def imported(self) -> bool:
        """True where another program trained it."""
        return self.run.imported

    @property
    def names(self) -> Sequence[str]:
        """Class names."""
        return self.run.spec.names

    def command(self, verb: str) -> str:
        """Command line of a verb for this run."""
        return join(["colliculus", verb, str(self.folder)])

    def reason(self, verb: str) -> str:
        """Sentences that stand in place of a measurement that is not there."""
        analysis = ANALYSES[verb]
        if why := self.left_out.get(verb):
            return f"{analysis.subject} is left out: {why}. {analysis.again}"
        return f"{analysis.subject} {analysis.absent}"


def read_material(folder: Path, name: str, clips: Path | None = None) -> Material:
    """Read a run folder; `name` stands on the page, and `clips` is as in `Material`.

    Raises:
        ColliculusError: the folder is not a run folder, or a file that the training wrote is damaged.
    """
    run = read_run(folder)
    read = {verb: _read(folder, run, one.kind) for verb, one in ANALYSES.items() if one.kind is not None}
    left_out = {verb: found for verb, found in read.items() if isinstance(found, str)}
    health = read_health(folder)
    if not health and (folder / HEALTH_FILE).exists():
        left_out["inspect"] = _damaged(HEALTH_FILE)
    history = read_metrics(folder)
    if any("epoch" not in row for row in history):
        raise ColliculusError(f"{folder / METRICS_FILE} is damaged, a row has no epoch: restore or remove it")
    return Material(
        name=name,
        folder=folder,
        run=run,
        result=_read_result(folder, run.spec.num_classes),
        history=history,
        records={verb: found for verb, found in read.items() if isinstance(found, RunRecord)},
        left_out=left_out,
        health=health,
        clips=clips,
    )


def short_names(folders: Sequence[Path]) -> list[str]:
    """A name for each run: the end of its path, as long as it takes to tell the runs apart.

    Example:
        >>> short_names([Path("runs/a/0"), Path("runs/b/0")]), short_names([Path("runs/a")])
        (['a/0', 'b/0'], ['a'])
    """
    parts = [folder.absolute().parts for folder in folders]
    longest = max(map(len, parts))
    lengths = (size for size in range(1, longest + 1) if len({part[-size:] for part in parts}) == len(parts))
    size = next(lengths, longest)
    return ["/".join(part[-size:]) for part in parts]


def _read(folder: Path, run: Run, kind: type[RunRecord]) -> RunRecord | str | None:
    """The record of a measurement; None where there is none, and the reason where it cannot be shown."""
    if not (folder / kind.FILE).exists():
        return None
    try:
        record = kind.read(folder / kind.FILE)
    except ColliculusError:
        return _damaged(kind.FILE)
    if (folder / MODEL_FILE).exists():
        ours = identity(folder, run, run.fingerprint)
        for field, other in SAME.items():
            known = field != "fingerprint" or not run.imported
            found = getattr(record, field)
            if known and (list(found) if isinstance(found, tuple) else found) != ours[field]:
                return f"it was measured on {other}"
    return record


def _damaged(file: str) -> str:
    return f"{file} is damaged or was written by another version"


def _read_result(folder: Path, num_classes: int) -> TrainingResult | None:
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
            f"{path} is damaged or was written by another version ({error}): remove it, and `colliculus train ... "
            "--resume` tests the run again"
        ) from error
    return result
