"""The record of predictions for single clips, each with its explanation: what `TrainedRun.predict` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from colliculus.evaluation.explanation.decision import Decision
from colliculus.files.tables import csv_bytes
from colliculus.records import Column, Record, Table
from colliculus.records.console import percent
from colliculus.runs.predictions import PROBABILITY
from colliculus.types import printable

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
