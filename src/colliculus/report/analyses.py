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
        infinitive, participle: how to say that it is measured.
    """

    subject: str
    file: str
    kind: type[RunRecord] | None
    infinitive: str = "measure"
    participle: str = "measured"


ANALYSES = {
    "contribution": Analysis("The contribution of the modalities", "contribution/contribution.json", Contribution),
    "robustness": Analysis("Robustness", "robustness/result.json", Robustness),
    "energy": Analysis("The energy of a decision", "energy/energy.json", Energy),
    "explain": Analysis("The explanation of example clips", "explain/explain.json", Explanation, "make", "made"),
    "inspect": Analysis("Spike health", HEALTH_FILE, None),
}
"""Measurements by the verb that makes them."""
