"""Measurements of a run that the page shows: where each lies in the run folder, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from colliculus.evaluation.contribution import Contribution
from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.explanation.record import Explanation
from colliculus.evaluation.robustness import Robustness
from colliculus.runs.identity import RunRecord
from colliculus.runs.run import HEALTH_FILE


@dataclass(frozen=True)
class Analysis:
    """One kind of measurement.

    Args:
        subject: its name at the beginning of a sentence.
        file: its record in the run folder.
        kind: class of the record; None for spike health, which the training itself measures.
        absent: end of the sentence for a run without it, and the introduction of the command.
        again: introduction of the command where its record cannot be shown.
    """

    subject: str
    file: str
    kind: type[RunRecord] | None
    absent: str = "has not been measured. To measure it, run:"
    again: str = "To measure it again, run:"


ANALYSES = {
    "contribution": Analysis("The contribution of the modalities", Contribution.FILE, Contribution),
    "robustness": Analysis("Robustness", Robustness.FILE, Robustness),
    "energy": Analysis("The energy of a decision", Energy.FILE, Energy),
    "explain": Analysis(
        "The explanation of example clips",
        Explanation.FILE,
        Explanation,
        "has not been made. To make it, run:",
        "To make it again, run:",
    ),
    "inspect": Analysis(
        "Spike health",
        HEALTH_FILE,
        None,
        "was not recorded in the training. To see that of the model, run:",
        "To see that of the model, run:",
    ),
}
"""Measurements by the verb that makes them."""
