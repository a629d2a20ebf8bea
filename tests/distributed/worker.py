"""What each of two ranks does; started by test_two_ranks.py as `torchrun|forked.py worker.py first|second FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from colliculus.data.dataset import Split
from colliculus.data.synthetic import Synthetic
from colliculus.files.lock import LOCK_FILE, locked
from colliculus.methods import LateFusion
from colliculus.model import MultimodalSNN
from colliculus.modulation import Modulator, PreparedLosses
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.runtime import Runtime
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.training.learner import Learner
from colliculus.types import Collective, ColliculusError, DataSpec, Output


class CountSamples(Modulator):
    """A modulator that asks the other ranks."""

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        return {"samples": collective.sum(torch.tensor(len(labels))).item()}


LATE_FUSION = LateFusion(dim=8, encoder="shallow", time_steps=2)


@dataclass(frozen=True, kw_only=True)
class Stray:
    """Late fusion with a parameter that no loss reaches, and a modulator."""

    name: ClassVar[str] = "late-fusion"
    inner: LateFusion = LATE_FUSION

    def model(self, spec: DataSpec) -> MultimodalSNN:
        model = self.inner.model(spec)
        model.register_parameter("stray", nn.Parameter(torch.ones(3)))
        return model

    def objective(self) -> Callable[[Output, Tensor], dict[str, Tensor]]:
        return self.inner.objective()

    def modulator(self) -> CountSamples:
        return CountSamples()


EXPERIMENT = Experiment(
    method=Stray(),
    # 13 samples in two batches of 7 and 6: the ranks' shares differ in size
    data=Synthetic(num_classes=2, num_train=13, num_validation=6, num_test=5, size=8, steps=2),
    train=TrainSettings(epochs=4, batch_size=8, learning_rate=0.01, ema_decay=0.9, device="cpu"),
    preset="two-ranks",
)


REFIT = replace(EXPERIMENT, train=replace(EXPERIMENT.train, epochs=2, refit=True))
WHOLE = 19
"""Samples of training and validation part together."""


def train(folder: Path, *, resume: bool, experiment: Experiment[Any, Any] = EXPERIMENT) -> None:
    fit(experiment, out=folder, resume=resume, progress=False)  # within the start of `main`: both share one group


def train_in_part(folder: Path, *, epoch: int, samples: int, experiment: Experiment[Any, Any] = EXPERIMENT) -> None:
    """Train up to an epoch, counted from 0, of the training on that many samples."""
    train_epoch = Learner.train_epoch

    def stopped(self: Learner, split: Split, now: int, watch: Any) -> dict[str, float]:
        if (now, len(split)) == (epoch, samples):
            raise KeyboardInterrupt
        return train_epoch(self, split, now, watch)

    Learner.train_epoch = stopped
    try:
        train(folder, resume=False, experiment=experiment)
    except TrainingInterrupted:
        Learner.train_epoch = train_epoch


def check_gradients(runtime: Runtime) -> None:
    """The ranks' gradients make up that of the mean over all five samples, of which rank 0 has three."""
    inputs = torch.arange(10.0).view(5, 2)
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    model.register_parameter("stray", nn.Parameter(torch.ones(3)))
    share = inputs[runtime.rank :: 2]
    runtime.backward(model(share).square().mean() * runtime.sample_weight(len(share)), model)
    (alone,) = torch.autograd.grad(model(inputs).square().mean(), model.weight)
    torch.testing.assert_close(model.weight.grad, alone)
    assert model.stray.grad is None


def check_collective(runtime: Runtime) -> None:
    assert runtime.world_size == 2
    assert runtime.sum(torch.tensor([1.0, runtime.rank])).tolist() == [2.0, 1.0]
    order = Path(sys.argv[2]) / "order"

    def sign() -> None:
        order.write_text((order.read_text() if order.exists() else "") + str(runtime.rank))

    runtime.main_first(sign)
    runtime.barrier()
    assert order.read_text() == "01"
    runtime.seed(0, 0)
    draws = runtime.sum(torch.tensor([torch.rand(()) * (-1) ** runtime.rank]))
    assert not np.isclose(draws.item(), 0)  # each rank draws its own


def check_refused(folder: Path, runtime: Runtime) -> None:
    """Where another process trains, each rank is told, and none waits for one that is gone."""
    with ExitStack() as other:
        if runtime.is_main:
            folder.mkdir()
            other.enter_context(locked(folder, "is held"))
        try:
            train(folder, resume=False)
        except ColliculusError as error:
            told = str(error)
        assert ("by another process" in told) == runtime.is_main
        runtime.barrier()
    assert [path.name for path in folder.iterdir()] == [LOCK_FILE]


def main(part: str, folder: Path) -> None:
    with Runtime.start(device="cpu") as runtime:
        if part == "first":
            check_collective(runtime)
            check_gradients(runtime)
            check_refused(folder / "held", runtime)
            train(folder / "whole", resume=False)
            train_in_part(folder / "halves", epoch=2, samples=13)
            train(folder / "refit", resume=False, experiment=REFIT)
            train_in_part(folder / "refit first", epoch=1, samples=13, experiment=REFIT)
            train_in_part(folder / "refit second", epoch=1, samples=WHOLE, experiment=REFIT)
        else:
            train(folder / "halves", resume=True)
            for name in ("refit first", "refit second"):
                train(folder / name, resume=True, experiment=REFIT)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
