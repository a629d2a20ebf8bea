"""Predictions for single clips with an explanation of each: what `TrainedRun.predict` returns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.dataset import ClipReader, Normalisation
from colliculus.data.loading import standard_batch
from colliculus.evaluation.anytime import outputs_by_step
from colliculus.evaluation.explanation.decision import Decision, decisions
from colliculus.files.tables import csv_bytes
from colliculus.media.apart import apart
from colliculus.media.clips import Clip
from colliculus.media.notes import collected_notes
from colliculus.model import MultimodalSNN
from colliculus.records import Column, Record, Table
from colliculus.records.console import percent
from colliculus.records.console import steps as shown_steps
from colliculus.runs.predictions import PROBABILITY
from colliculus.types import ColliculusError, printable

Arrays = Mapping[str, NDArray[np.float32]]
"""Raw arrays of a clip, by modality."""

_SHOWN_ERRORS = 3
_AT_ONCE = 16  # clips in one forward pass: five to ten times as fast as one by one on a CPU
MEANING = (
    "Below a modality: its evidence for the class (- where the fusion has no share of it). By step: probability of the "
    "class when the network runs for its first 1, 2, ... steps only."
)


@dataclass(frozen=True, kw_only=True)
class ClipPrediction(Decision):
    """The explained prediction for one clip.

    Args:
        clip: name of the clip.
        missing: modalities of the model that the clip does not have.
    """

    clip: str
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClipPredictions(Record):
    """Predictions for clips, each with its explanation.

    Args:
        run: run folder.
        modalities: modalities of the model.
        predictions: one explained prediction per clip.
        unread: clips that could not be read, with the reason.
        notes: sentences on clips that were read although something about their files is odd.
        skipped: files of the given folders that are of other kinds, by ending.
    """

    run: str
    modalities: tuple[str, ...]
    predictions: tuple[ClipPrediction, ...]
    unread: Mapping[str, str]
    notes: tuple[str, ...] = ()
    skipped: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def table(self) -> Table:
        """A row per clip: class, probability, evidence of each modality, and probability by time step."""
        evidence = (Column(m, "right") for m in self.modalities)
        columns = (Column("clip", fold=True), Column("class", style="bold cyan"), Column("prob.", "right"), *evidence)
        rows = [self._row(prediction) for prediction in self.predictions]
        return Table((*columns, Column("% by step")), rows, "Predictions", (MEANING,))

    def to_csv(self) -> str:
        """A line per clip: its class, the probability of every class, and the evidence of every modality.

        The column "missing" names modalities that the clip does not have; "problem" says why a clip could not be read.
        Nine digits restore a float32 exactly.
        """
        names = [*self.predictions[0].probabilities] if self.predictions else []
        columns = [
            *("clip", "predicted", "probability"),
            *(PROBABILITY + name for name in names),
            *(f"evidence of {m}" for m in self.modalities),
            *("missing", "problem"),
        ]
        rows = [
            [
                *(printable(one.clip), one.predicted, f"{one.probability:.9g}"),
                *(f"{p:.9g}" for p in one.probabilities.values()),
                *(f"{one.evidence[m]:.9g}" if m in one.evidence else "" for m in self.modalities),
                *(" ".join(one.missing), ""),
            ]
            for one in self.predictions
        ]
        empty = [""] * (len(columns) - 2)
        rows += [[printable(name), *empty, printable(why)] for name, why in self.unread.items()]
        return csv_bytes([printable(column) for column in columns], rows).decode()

    def _row(self, one: ClipPrediction) -> tuple[str, ...]:
        evidence = {m: f"{x:+.2f}" for m, x in one.evidence.items()} | dict.fromkeys(one.missing, "missing")
        steps = " ".join(f"{100 * share:.0f}" for share in one.step_probabilities)
        shown = (evidence.get(m, "-") for m in self.modalities)
        return one.clip, one.predicted, percent(one.probability), *shown, steps


def predict_tensors(
    model: MultimodalSNN, inputs: Mapping[str, Tensor], steps: int, names: Sequence[str] = ()
) -> list[ClipPrediction]:
    """Classify standardised inputs; without names the clips are numbered from 0.

    Raises:
        ColliculusError: the model takes none of these modalities.
    """
    device = next(model.parameters()).device
    given = {m: inputs[m].to(device) for m in model.modalities if m in inputs}
    if not given:
        what = f"the clip {names[0]!r} has" if names else "the tensors have"
        raise ColliculusError(f"{what} no modality of the model: give {' or '.join(model.modalities)}")
    missing = tuple(m for m in model.modalities if m not in given)
    found = decisions(outputs_by_step(model, given, steps), model.spec.names)
    return [
        ClipPrediction(**vars(one), clip=names[i] if names else str(i), missing=missing) for i, one in enumerate(found)
    ]


@dataclass(frozen=True)
class FilePredictions:
    """Result of `predict_files`; for the fields see `ClipPredictions`."""

    predictions: Sequence[ClipPrediction]
    unread: Mapping[str, str]
    notes: tuple[str, ...]
    skipped: Mapping[str, tuple[str, ...]]


def predict_files(
    model: MultimodalSNN,
    paths: Sequence[Path],
    steps: int,
    reader: ClipReader,
    normalisation: Normalisation,
    batch_size: int | None = None,
) -> FilePredictions:
    """Predictions for files or folders of files, in the order of the clips' names.

    Media are decoded in another process, which may crash. A progress bar is shown on stderr, where that is a terminal.

    Raises:
        ColliculusError: `batch_size` is below 1, a path does not exist, or no clip can be read.
    """
    size = _AT_ONCE if batch_size is None else batch_size
    if size < 1:
        raise ColliculusError(f"`batch_size` is {size}: choose at least 1")
    files, skipped = files_of(paths, reader.knows)
    clips = reader.group(files)
    found = _Batches(model, steps, normalisation, size)
    with collected_notes() as notes:
        for name, clip in shown_steps([*clips.items()], "clips"):
            try:
                arrays = _read(reader, clip)
            except ColliculusError as error:
                found.unread[name] = str(error)
            else:
                found.add(name, arrays)
        found.finish()
    if not found.predictions:
        reasons = [*found.unread.values()][:_SHOWN_ERRORS]
        if len(clips) == 1:
            raise ColliculusError(reasons[0])
        raise ColliculusError(f"none of the {len(clips)} clips could be read ({'; '.join(reasons)}): give other files")
    predictions = [found.predictions[name] for name in clips if name in found.predictions]
    return FilePredictions(predictions, found.unread, tuple(notes.values()), skipped)


class _Batches:
    """Clips that wait until a batch of the same modalities and shapes is full, and predictions by name of clip."""

    def __init__(self, model: MultimodalSNN, steps: int, normalisation: Normalisation, batch_size: int) -> None:
        self._model, self._steps, self._normalisation, self._size = model, steps, normalisation, batch_size
        self._waiting = defaultdict[object, dict[str, Arrays]](dict)
        self.predictions: dict[str, ClipPrediction] = {}
        self.unread: dict[str, str] = {}

    def add(self, name: str, arrays: Arrays) -> None:
        """Add a clip; a full batch is classified."""
        own = {m: array for m, array in arrays.items() if m in self._model.modalities}
        shapes = tuple((m, array.shape) for m, array in own.items())
        self._waiting[shapes][name] = own
        if len(self._waiting[shapes]) == self._size:
            self._classify(self._waiting.pop(shapes))

    def finish(self) -> None:
        """Classify the clips that are left."""
        for waiting in self._waiting.values():
            self._classify(waiting)

    def _classify(self, clips: Mapping[str, Arrays]) -> None:
        first = next(iter(clips.values()))
        stacked = {m: np.stack([arrays[m] for arrays in clips.values()]) for m in first}
        inputs = standard_batch(stacked, np.zeros(len(clips), dtype=np.int64), self._normalisation).inputs
        try:
            found = predict_tensors(self._model, inputs, self._steps, tuple(clips))
        except ColliculusError as error:  # it is about modalities and shapes, which all of them share
            self.unread |= dict.fromkeys(clips, str(error))
        else:
            self.predictions |= {one.clip: one for one in found}


def _read(reader: ClipReader, clip: Clip) -> Mapping[str, NDArray[np.float32]]:
    if not isinstance(reader, StorageReader):  # it decodes no media
        return reader.read(clip)
    return apart(", ".join(str(file) for file in clip.files), reader.read, clip)


def files_of(paths: Sequence[Path], knows: Callable[[Path], bool]) -> tuple[list[Path], dict[str, tuple[str, ...]]]:
    """The given files, and those that are skipped, by ending.

    A folder stands for its files that are not hidden and of a known kind.

    Raises:
        ColliculusError: a path does not exist, or a folder holds no such file.
    """
    found, skipped = list[Path](), defaultdict[str, tuple[str, ...]](tuple)
    if not paths:
        raise ColliculusError("no file was given: name files or a folder of files")
    for path in paths:
        if not path.exists():
            raise ColliculusError(f"{path} does not exist: name a file or a folder of files to classify")
        if not path.is_dir():
            found.append(path)
            continue
        inside = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith(".")]
        known = [p for p in inside if knows(p)]
        if not known:
            raise ColliculusError(f"{path} has no file that can be classified: name a folder of such files")
        found += known
        for other in sorted(set(inside) - set(known)):
            skipped[other.suffix.lower() or "no ending"] += (str(other),)
    return found, dict(skipped)
