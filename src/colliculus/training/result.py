"""How a run ends: the best epoch is tested, once, and `result.json` says what came out."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from colliculus.evaluation.metrics import Metrics
from colliculus.training.atomic import write_atomic
from colliculus.training.learner import Learner
from colliculus.training.logging import Row
from colliculus.training.run import RESULT_FILE, package_version

SELECTION = "highest validation accuracy, of equal epochs the last"
"""The last of equal epochs has been trained longest and at the lowest learning rate."""

Result = dict[str, Any]
"""What `result.json` holds."""


def best_epoch(history: Sequence[Row]) -> int:
    """Number of the epoch whose model is kept, from 1, by the rule of `SELECTION`.

    Example:
        >>> best_epoch([{"validation_accuracy": 0.9}, {"validation_accuracy": 0.9}, {"validation_accuracy": 0.5}])
        2
    """
    return max(range(1, len(history) + 1), key=lambda number: (history[number - 1]["validation_accuracy"], number))


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


def write_result(folder: Path, result: Result) -> None:
    """Write `result.json`; that it is there says that the run is finished."""
    write_atomic(folder / RESULT_FILE, json.dumps(result, indent=1).encode())


def read_result(folder: Path) -> Result | None:
    """What a finished run found; None while it is not finished, or when the file is damaged: it is measured anew."""
    path = folder / RESULT_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"validation", "test"} <= found.keys() else None
