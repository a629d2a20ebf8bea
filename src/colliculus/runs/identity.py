"""The identity of a trained run: what every record about it states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from colliculus.data.noise import SnrOf
from colliculus.files.checks import file_digest as digest
from colliculus.files.documents import package_version
from colliculus.records import Record
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class RunRecord(Record):
    """Base of the records that a measurement writes into a run folder.

    Args:
        version: version of colliculus that measured.
        preset: name of the experiment the run started from.
        model: SHA-256 digest of the weights.
        fingerprint: digest of the data.
        classes: K class names.
        modalities: modalities of the data, in declared order.
        split: measured part of the data: "test", "validation" or "train".
        snr_db: noise of the training on the measured clips: modality and signal-to-noise ratio in dB.
        snr_of: input whose power these ratios refer to.
    """

    version: str
    preset: str
    model: str
    fingerprint: str
    classes: tuple[str, ...]
    modalities: tuple[str, ...]
    split: str
    snr_db: Mapping[str, float]
    snr_of: SnrOf = "standardised"
    FILE: ClassVar[str]
    """path of the record in its run folder"""


def identity(folder: Path, run: Run, fingerprint: str) -> dict[str, Any]:
    """The first fields of a `RunRecord`, to the modalities, as plain values; `fingerprint` is of the measured data."""
    return {
        "version": package_version(),
        "preset": run.preset,
        "model": digest(folder / MODEL_FILE),
        "fingerprint": fingerprint,
        "classes": list(run.spec.names),
        "modalities": list(run.spec.modalities),
    }
