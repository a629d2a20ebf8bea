"""The answers of a trained run to its own test clips: those it keeps or, where it keeps none, measured and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colliculus.cli.run_data import load_data
from colliculus.types import ColliculusError, unknown_name

if TYPE_CHECKING:
    from colliculus.runs.kept_predictions import Condition
    from colliculus.runs.predictions import Predictions
    from colliculus.runs.run import Run


def predictions_of(folder: Path, run: Run, condition: Condition, device: str = "auto") -> Predictions:
    """The answers of a run under a condition.

    Args:
        folder: of the run.
        run: what stands in it.
        condition: what is done to the clips.
        device: where they are measured, if they must be.

    Raises:
        ColliculusError: the data of the run are not there or are others by now, or the condition names a modality that
            they do not have.
    """
    from colliculus.runs.kept_predictions import read_predictions, write_predictions

    kept = read_predictions(folder, run, condition)
    if kept is not None:
        return kept
    if strangers := [m for m in condition.snr_db if m not in run.spec.modalities]:
        raise unknown_name("modality", strangers[0], run.spec.modalities)
    found = _measure(folder, run, condition, device)
    write_predictions(folder, run, condition, found)
    return found


def _measure(folder: Path, run: Run, condition: Condition, device: str) -> Predictions:
    from colliculus.data.noise import GaussianNoise
    from colliculus.evaluation.evaluate import evaluate_clips
    from colliculus.runs.run import load_model
    from colliculus.runtime import Runtime

    dataset = load_data(run, run.experiment.data)
    if dataset.fingerprint != run.fingerprint:
        raise ColliculusError(f"the data of {folder} are not those it was trained on: restore them")
    with Runtime.start(device=device) as runtime:
        return evaluate_clips(
            load_model(folder).to(runtime.device),
            dataset.test,
            batch_size=run.experiment.train.batch_size,
            collective=runtime,
            device=runtime.device,
            corruption=GaussianNoise(condition.snr_db) if condition.snr_db else None,
            missing=condition.missing,
        ).predictions
