"""The answers to the test clips that a run folder keeps, and whether they are still those of its model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from colliculus.files.atomic import write_atomic
from colliculus.files.documents import package_version
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.predictions import Predictions
from colliculus.runs.run import MODEL_FILE, Run
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class Condition:
    """What is done to the test clips; as it is here, nothing.

    Args:
        snr_db: white noise on modalities, at these signal-to-noise ratios in decibels.
        missing: modalities that are withheld.

    Example:
        >>> Condition({"visual": -10.0}).describe()
        'noise of -10 dB on visual'
    """

    snr_db: Mapping[str, float] = field(default_factory=dict[str, float])
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, run: Run) -> Condition:
        """The one a run is tested under: clean, unless it learned under noise."""
        return cls(dict(run.experiment.train.snr_db))

    def describe(self) -> str:
        """It in words."""
        noise = [f"noise of {snr_db:g} dB on {modality}" for modality, snr_db in self.snr_db.items()]
        return ", ".join([*noise, *(f"no {modality}" for modality in self.missing)]) or "clean"

    def file_name(self, own: Condition) -> str:
        """Name of the file of predictions, the plain one where it is the run's own condition."""
        if self == own:
            return "predictions.csv"
        words = re.sub(r"[^\w.-]+", "_", self.describe())
        return f"predictions_{words}.csv"


def write_predictions(folder: Path, run: Run, condition: Condition, predictions: Predictions) -> None:
    """Write `predictions.csv`, and beside it in JSON what it was made of and from.

    Args:
        folder: of the run, with its model.
        run: what stands in the folder.
        condition: what was done to the clips.
        predictions: the answers to the run's own test part.
    """
    path = folder / condition.file_name(Condition.of(run))
    content = predictions.to_csv().encode()
    write_atomic(path, content)
    record = {
        "version": package_version(),
        "preset": run.preset,
        "experiment": experiment_to_plain(run.experiment),
        "protocol": run.protocol,
        "fingerprint": run.fingerprint,
        "modalities": list(run.spec.modalities),
        "classes": list(run.spec.names),
        "split": "test",
        "condition": asdict(condition),
        "correct": int(predictions.right.sum()),
        "total": len(predictions),
        "sha256": {path.name: sha256(content).hexdigest(), MODEL_FILE: _digest(folder / MODEL_FILE)},
    }
    write_atomic(path.with_suffix(".json"), json.dumps(record, indent=1).encode())


def read_predictions(folder: Path, run: Run, condition: Condition) -> Predictions | None:
    """The kept answers; None where there are none, or where they are not of this model and this condition.

    A kill while they were written and a model trained anew both leave digests that do not agree.
    """
    path = folder / condition.file_name(Condition.of(run))
    try:
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        kept = record["fingerprint"], record["condition"], record["sha256"]
        content = path.read_bytes()
        digests = {path.name: sha256(content).hexdigest(), MODEL_FILE: _digest(folder / MODEL_FILE)}
        if kept != (run.fingerprint, json.loads(json.dumps(asdict(condition))), digests):
            return None
        found = Predictions.from_csv(content.decode())
    except (OSError, ValueError, KeyError, TypeError, ColliculusError):
        return None
    return found if found.names == run.spec.names else None


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
