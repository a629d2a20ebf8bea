"""The end of a training: the best epoch is validated and tested once, and the result is written."""

from __future__ import annotations

import platform
from pathlib import Path

import torch
from rich.console import Console

from colliculus.data.dataset import Dataset
from colliculus.files.documents import package_version
from colliculus.runs.experiment import method_name
from colliculus.runs.history import write_metrics
from colliculus.runs.kept_predictions import Condition, write_predictions
from colliculus.runs.metrics import Metrics
from colliculus.runs.result import SELECTION, TrainingResult, best_epoch
from colliculus.runs.run import MODEL_FILE, RESULT_FILE
from colliculus.runs.weights import load_weights
from colliculus.training.health import report_end
from colliculus.training.learner import Learner


def conclude(folder: Path, learner: Learner, dataset: Dataset, console: Console) -> TrainingResult:
    """Test the weights of the best epoch and write the result, which marks the run as finished.

    The run folder holds these weights. The test part of the data is used here and nowhere before.
    """
    run, settings, runtime = learner.run, learner.settings, learner.runtime
    runtime.barrier()  # rank 0 has written the best model
    load_weights(learner.judged, folder / MODEL_FILE)
    tested = learner.classify(dataset.test)
    result = TrainingResult(
        preset=run.preset,
        method=method_name(run.experiment.method),
        dataset=run.experiment.data.name,
        protocol=run.protocol,
        fingerprint=run.fingerprint,
        seed=settings.seed,
        epochs=settings.epochs,
        best_epoch=best_epoch(learner.history),
        selection=SELECTION,
        parameters=sum(p.numel() for p in learner.model.parameters()),
        validation=learner.evaluate(dataset.validation),
        test=Metrics.of(tested),
        samples_per_second=learner.samples_per_second,
        world_size=runtime.world_size,
        device=runtime.device_name,
        versions={"colliculus": package_version(), "torch": torch.__version__, "python": platform.python_version()},
    )
    if runtime.is_main:
        write_predictions(folder, run, Condition.of(run), tested)
        report_end(folder, learner, learner.noisy(dataset.validation), console)
        write_metrics(folder, learner.history)
        result.save(folder / RESULT_FILE)
    return result
