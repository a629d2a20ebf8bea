"""Run folders of networks that fire, made without a training, and their exports against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from active import assert_active, awake
from small_methods import read_by

from colliculus import Experiment, TrainedRun, load
from colliculus.data import DATASETS
from colliculus.data.dataset import Normalisation
from colliculus.data.synthetic import Synthetic
from colliculus.export.clips import raw
from colliculus.export.comparison import answers
from colliculus.export.subject import Subject
from colliculus.methods import METHODS
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run, write_run
from colliculus.runs.weights import save_weights
from colliculus.types import DataSpec

SPEC = DataSpec(
    channels={"audio": 1, "visual": 3, "inertial": 6},
    sizes={"audio": (32, 32), "visual": (32, 48), "inertial": (1, 40)},
    num_classes=4,
    steps={"audio": 3},
)
"""A sequence, images, and a series of another size."""
PAIR = DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": (16, 16), "visual": (16, 16)}, num_classes=4)


def noise(spec: DataSpec, batch: int) -> dict[str, torch.Tensor]:
    """Standardised clips."""
    generator = torch.Generator().manual_seed(batch)
    return {m: torch.randn(spec.input_shape(m, batch), generator=generator) for m in spec.modalities}


def small(name: str, **changes: Any) -> Any:
    """A method at small width."""
    return METHODS[name](**read_by(METHODS[name], {"dim": 16, "heads": 4, "time_steps": 3}) | changes)


def run_of(folder: Path, method: Any, spec: DataSpec = PAIR) -> TrainedRun:
    """A run of a method whose network fires; its data are gone."""
    torch.manual_seed(0)
    model = method.model(spec)
    clips = {m: x for m, x in noise(spec, 8).items() if m in model.modalities}
    awake(model, clips, current=0.9)  # at 1 the currents of silent channels would lie between two levels of a ReLU
    means = {m: tuple(0.5 + c for c in range(n)) for m, n in spec.channels.items()}
    run = Run(
        preset="small",
        experiment=Experiment(method=method, data=DATASETS["arrays"](), preset="small"),
        spec=spec,
        normalisation=Normalisation(mean=means, std={m: (0.3,) * n for m, n in spec.channels.items()}),
        protocol="none",
        fingerprint="0",
    )
    save_weights(model, folder / MODEL_FILE)
    write_run(folder, run)
    return load(folder, "cpu")


def worst(subject: Subject, exported: Callable[..., Any]) -> float:
    """Largest difference of an exported network from PyTorch over batches of 1, 3 and 7; no class may be another."""
    run, found = subject.run, list[float]()
    for batch in (1, 3, 7):
        clips = {m: x for m, x in noise(run.run.spec, batch).items() if m in subject.inputs}
        given = {m: raw(run.run.normalisation, m, x) for m, x in clips.items()}
        expected, output = (
            answers(run.model, clips, subject.network.steps),
            exported(given if subject.options.inputs == "raw" else clips),
        )
        assert expected.keys() == output.keys()
        if batch > 1:
            assert_active(expected["logits"])
            assert (expected["logits"][0] != expected["logits"][1]).any(), "all clips get the same answer"
        assert expected["logits"].argmax(-1).tolist() == output["logits"].argmax(-1).tolist()
        found += [float((output[name] - x).abs().amax()) for name, x in expected.items()]
    return max(found)


def synthetic_run(folder: Path) -> TrainedRun:
    """A run on the synthetic set whose network fires, and whose clips can be written as files."""
    data = Synthetic(num_classes=4, num_train=16, num_validation=4, num_test=8, size=16, steps=3)
    dataset, method = data.load(), small("late-fusion")
    torch.manual_seed(1)
    model = method.model(dataset.spec)
    awake(model, dataset.train.batch(np.arange(16), epoch=0).inputs)
    save_weights(model, folder / MODEL_FILE)
    write_run(folder, Run.of(Experiment(method=method, data=data, preset="small"), dataset))
    return load(folder, "cpu")
