"""The subject of an analysis of a trained run, and the samples it is measured on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.data.dataset import Split
from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.trained_run import Part, TrainedRun
from colliculus.runs.identity import identity
from colliculus.types import Batch


def about(run: TrainedRun, fingerprint: str, split: Part) -> dict[str, Any]:
    """The fields of a `RunRecord`.

    Args:
        run: trained run.
        fingerprint: digest of the measured data.
        split: measured part of the data.
    """
    spec, noise = run.run.spec, dict(run.experiment.train.snr_db)
    fields = {"classes": spec.names, "modalities": spec.modalities, "split": split, "snr_db": noise}
    return identity(run.folder, run.run, fingerprint) | fields


def batch_of(run: TrainedRun, split: Split, rows: NDArray[np.int64]) -> Batch:
    """Samples of a split on the model's device, under the noise of the training if there was any."""
    batch = split.batch(rows, epoch=0).to(run.device)
    return Batch(GaussianNoise(run.experiment.train.snr_db)(batch.inputs, rows), batch.labels)
