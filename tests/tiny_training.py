"""A training that takes a fraction of a second, and what of a run folder must be equal to the last digit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from colliculus.data.synthetic import Synthetic
from colliculus.methods import LateFusion
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.runs.result import TrainingResult
from colliculus.runtime import Runtime
from colliculus.training.checkpoint import read_state
from colliculus.training.fit import fit

TinyExperiment = Callable[..., Experiment[Any, Any]]
Train = Callable[..., TrainingResult]


@pytest.fixture
def tiny() -> TinyExperiment:
    """An experiment of 3 epochs with two steps each; arguments are settings of the training loop."""

    def make(**train: Any) -> Experiment[Any, Any]:
        return Experiment(
            method=LateFusion(dim=8, encoder="shallow", time_steps=2),
            data=Synthetic(num_classes=2, num_train=13, num_validation=6, num_test=5, size=8, steps=2),
            train=TrainSettings(**{"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "device": "cpu", **train}),
            preset="tiny",
        )

    return make


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.start(device="cpu") as started:
        yield started


@pytest.fixture
def train(tiny: TinyExperiment) -> Train:
    """Train silently in a folder; further arguments are settings of the training loop."""

    def run(folder: Path, *, resume: bool = False, **settings: Any) -> TrainingResult:
        return fit(tiny(**settings), out=folder, resume=resume, progress=False).result

    return run


@pytest.fixture
def digits() -> Callable[[Path], dict[str, object]]:
    """Everything of a run folder that two equal trainings share; only timings are left out."""

    def read(folder: Path) -> dict[str, object]:
        state = read_state(folder)
        assert state is not None
        result = json.loads((folder / "result.json").read_text())
        result.pop("samples_per_second")
        return {
            "metrics": (folder / "metrics.csv").read_text(),
            "weights": (folder / "model.safetensors").read_bytes(),
            "state": _plain({name: value for name, value in vars(state).items() if name != "seconds"}),
            "result": result,
            "health": (folder / "spike_health.json").read_text(),
        }

    return read


def _plain(value: Any) -> Any:
    """Tensors as bytes, so that == compares every digit."""
    if isinstance(value, torch.Tensor):
        return value.numpy().tobytes()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
