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
from colliculus.media.apart import apart
from colliculus.media.clips import Clip
from colliculus.media.notes import collected_notes
from colliculus.model import MultimodalSNN
from colliculus.records import Column, Record, Table
from colliculus.records.console import percent
from colliculus.types import ColliculusError

_SHOWN_ERRORS = 3
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
    model: MultimodalSNN, paths: Sequence[Path], steps: int, reader: ClipReader, normalisation: Normalisation
) -> FilePredictions:
    """Predictions for files or folders of files. Media are decoded in another process, which may crash.

    Raises:
        ColliculusError: a path does not exist, or no clip can be read.
    """
    files, skipped = files_of(paths, reader.knows)
    clips = reader.group(files)
    predictions: list[ClipPrediction] = []
    unread: dict[str, str] = {}
    with collected_notes() as notes:
        for name, clip in clips.items():
            try:
                arrays = {m: array[None] for m, array in _read(reader, clip).items() if m in model.modalities}
                inputs = standard_batch(arrays, np.zeros(1, dtype=np.int64), normalisation).inputs
                predictions += predict_tensors(model, inputs, steps, (name,))
            except ColliculusError as error:
                if len(clips) == 1:
                    raise
                unread[name] = str(error)
    if not predictions:
        reasons = "; ".join([*unread.values()][:_SHOWN_ERRORS])
        raise ColliculusError(f"none of the {len(clips)} clips could be read ({reasons}): give other files")
    return FilePredictions(predictions, unread, tuple(notes.values()), skipped)


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
