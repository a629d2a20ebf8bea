"""The result of a training: the best epoch, validated and tested once."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict

import torch

from colliculus.evaluation.metrics import Metrics
from colliculus.files.documents import package_version
from colliculus.runs.result import SELECTION, Result, best_epoch
from colliculus.training.learner import Learner


def measure_result(learner: Learner, validation: Metrics, test: Metrics) -> Result:
    """What a run found.

    Args:
        learner: holds the weights of its best epoch.
        validation: its figures on the validation part.
        test: those on the test part, from the only look at it.
    """
    run, runtime, settings = learner.run, learner.runtime, learner.settings
    return {
        "preset": run.preset,
        "method": run.experiment.method.name,
        "dataset": run.experiment.data.name,
        "protocol": run.protocol,
        "fingerprint": run.fingerprint,
        "seed": settings.seed,
        "epochs": settings.epochs,
        "best_epoch": best_epoch(learner.history),
        "selection": SELECTION,
        "parameters": sum(p.numel() for p in learner.model.parameters()),
        "validation": _figures(validation),
        "test": _figures(test),
        "samples_per_second": learner.samples_per_second,
        "world_size": runtime.world_size,
        "device": runtime.device_name,
        "versions": {"colliculus": package_version(), "torch": torch.__version__, "python": platform.python_version()},
    }


def _figures(metrics: Metrics) -> Result:
    """Metrics as JSON gives them back, with lists for tuples, so that a result is the same fresh and read."""
    return json.loads(json.dumps(asdict(metrics)))
