"""Predictions for the test clips that a run folder keeps, with a check that they are still those of its model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from colliculus.corpus.sample import Sample
from colliculus.data.noise import SnrOf, in_words
from colliculus.files.atomic import write_atomic
from colliculus.files.documents import from_plain, package_version, to_plain
from colliculus.files.plain import parse_json, read_text
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.identity import digest
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.predictions import Predictions
from colliculus.runs.run import Run
from colliculus.types import refuse_unread


@dataclass(frozen=True)
class Condition:
    """Noise on the test clips and modalities withheld from the model. The default is clean.

    Args:
        snr_db: white noise on modalities, at these signal-to-noise ratios in decibels.
        missing: withheld modalities.
        snr_of: input whose power the ratios refer to.

    Raises:
        ColliculusError: `snr_of` is changed, and there is no noise.

    Example:
        >>> Condition({"visual": -10.0}).describe()
        'noise of -10 dB on visual'
    """

    snr_db: Mapping[str, float] = field(default_factory=dict[str, float])
    missing: tuple[str, ...] = ()
    snr_of: SnrOf = "standardised"

    def __post_init__(self) -> None:
        if not self.snr_db:
            refuse_unread(self, ["snr_of"], "without `snr_db`")

    @classmethod
    def of(cls, run: Run) -> Condition:
        """The condition that a run is tested under: the noise of its training, if any."""
        train = run.experiment.train
        return cls(dict(train.snr_db), snr_of=train.snr_of)

    def describe(self) -> str:
        """The condition in words."""
        noise = [f"noise of {words}" for words in in_words(self.snr_db, self.snr_of)]
        return ", ".join([*noise, *(f"no {modality}" for modality in self.missing)]) or "clean"

    def file_name(self, own: Condition) -> str:
        """Name of the file of predictions: the plain one for `own`, the run's own condition."""
        if self == own:
            return "predictions.csv"
        words = re.sub(r"[^\w.-]+", "_", self.describe())
        return f"predictions_{words}.csv"


@dataclass(frozen=True, kw_only=True)
class PredictionsOrigin:
    """Contents of `predictions.json`: where the `predictions.csv` beside it comes from.

    Args:
        version, preset, experiment, protocol, fingerprint, modalities, classes: of the run.
        split: predicted part of the data.
        condition: noise and missing modalities.
        correct: clips predicted correctly.
        total: clips.
        sha256: digest of the CSV and of the weights, by file name.
    """

    version: str
    preset: str
    experiment: Mapping[str, Any]
    protocol: str
    fingerprint: str
    modalities: tuple[str, ...]
    classes: tuple[str, ...]
    split: str
    condition: Condition
    correct: int
    total: int
    sha256: Mapping[str, str]


def write_predictions(
    folder: Path, run: Run, condition: Condition, predictions: Predictions, samples: Sequence[Sample] = ()
) -> None:
    """Write predictions for the run's own test part, `predictions.csv`, and `predictions.json` about their origin.

    Args:
        folder, run: the run.
        condition: noise and missing modalities.
        predictions: predictions for the test part.
        samples: its clips; empty: they have no names.
    """
    path = folder / condition.file_name(Condition.of(run))
    content = predictions.to_csv(samples).encode()
    write_atomic(path, content)
    origin = PredictionsOrigin(
        version=package_version(),
        preset=run.preset,
        experiment=experiment_to_plain(run.experiment),
        protocol=run.protocol,
        fingerprint=run.fingerprint,
        modalities=run.spec.modalities,
        classes=run.spec.names,
        split="test",
        condition=condition,
        correct=int(predictions.correct.sum()),
        total=len(predictions),
        sha256={path.name: sha256(content).hexdigest(), MODEL_FILE: digest(folder / MODEL_FILE)},
    )
    write_atomic(path.with_suffix(".json"), json.dumps(to_plain(origin), indent=1).encode())


def read_predictions(folder: Path, run: Run, condition: Condition) -> Predictions | None:
    """The kept predictions; None where they are absent or belong to another model, data or condition.

    The digests differ after a kill during writing and after a new training.
    """
    path = folder / condition.file_name(Condition.of(run))
    try:
        origin = from_plain(parse_json(read_text(path.with_suffix(".json"))), PredictionsOrigin)
        found = Predictions.from_csv(path.read_text(encoding="utf-8"))
        digests = {name: digest(folder / name) for name in (path.name, MODEL_FILE)}
    except (OSError, ValueError):  # ColliculusError and bad UTF-8 are ValueErrors
        return None
    theirs = (origin.fingerprint, origin.condition, origin.sha256, found.names)
    return found if theirs == (run.fingerprint, condition, digests, run.spec.names) else None
