"""Predictions of a trained run on its own test part: read from the run folder, or measured and kept there."""

from __future__ import annotations

from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.evaluate import evaluate_clips
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.runs.kept_predictions import Condition, read_predictions, write_predictions
from colliculus.runs.predictions import Predictions
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError, unknown_name


def predictions_of(run: TrainedRun, condition: Condition) -> Predictions:
    """Predictions of a run under a corruption of its test clips.

    Args:
        run: the trained run.
        condition: noise on the clips and modalities that are withheld.

    Raises:
        ColliculusError: the data of the run are absent or have changed, or the condition names an unknown modality.
    """
    if (kept := read_predictions(run.folder, run.run, condition)) is not None:
        return kept
    named = (*condition.snr_db, *condition.missing)
    if unknown := [m for m in named if m not in run.run.spec.modalities]:
        raise unknown_name("modality", unknown[0], run.run.spec.modalities)
    if run.data.fingerprint != run.run.fingerprint:
        raise ColliculusError(f"the data of {run.folder} are not those it was trained on: restore them")
    with Runtime.start(device=str(run.device)) as runtime:
        found = evaluate_clips(
            run.model,
            run.data.test,
            batch_size=run.experiment.train.batch_size,
            collective=runtime,
            device=runtime.device,
            corruption=GaussianNoise(condition.snr_db) if condition.snr_db else None,
            missing=condition.missing,
        ).predictions
    write_predictions(run.folder, run.run, condition, found)
    return found
