"""Callbacks: a training calls them at its start, after each step and epoch, and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colliculus.model import MultimodalSNN
from colliculus.runs.history import Row
from colliculus.runs.result import TrainingResult
from colliculus.runs.run import Run
from colliculus.training.learner import Learner
from colliculus.training.step import EpochSums

StageName = Literal["", "selection", "refit"]
"""Name of a training among those of a run."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training as its callbacks see it.

    Args:
        folder: run folder.
        learner: model, optimiser and history.
        num_batches: optimiser steps per epoch.
        first_epoch: epochs that were trained before, by the run that is resumed.
        num_epochs: epochs of the whole training; fewer than `train.epochs` in a refit up to the epoch that the first
            training kept.
        stage: "" for the only training of a run; of a refit "selection" (the first) or "refit" (the second).
    """

    folder: Path
    learner: Learner
    num_batches: int
    first_epoch: int
    num_epochs: int
    stage: StageName = ""

    @property
    def run(self) -> Run:
        """Settings and data of the run."""
        return self.learner.run

    @property
    def model(self) -> MultimodalSNN:
        """The model in training."""
        return self.learner.model

    @property
    def samples_per_second(self) -> float:
        """Training samples per second of all processes, over all epochs so far."""
        return self.learner.samples_per_second

    @property
    def is_main(self) -> bool:
        """True on rank 0, the only process that should write or print."""
        return self.learner.runtime.is_main


@dataclass(frozen=True)
class StepProgress:
    """An epoch up to its latest step, on this rank. The figures are computed when asked for.

    Args:
        epoch: number of the epoch, from 1.
        sums: sums over the steps so far.
        seconds: duration of the epoch so far.
    """

    epoch: int
    sums: EpochSums
    seconds: float

    @property
    def steps(self) -> int:
        """Steps of the epoch so far."""
        return self.sums.num_steps

    @property
    def loss(self) -> float:
        """Mean loss per sample."""
        terms = self.sums.totals()
        samples = terms.pop("samples")
        terms.pop("correct")
        return sum(terms.values()) / samples

    @property
    def accuracy(self) -> float:
        """Training accuracy."""
        totals = self.sums.totals()
        return totals["correct"] / totals["samples"]

    @property
    def samples_per_second(self) -> float:
        """Training samples per second."""
        return self.sums.totals()["samples"] / self.seconds


class Callback:
    """Base class of callbacks; a subclass overrides the methods it needs. Every rank calls them.

    A callback may read everything and should change nothing: a training that draws random numbers in a callback is
    no longer resumed exactly.

    Example:
        >>> import colliculus as cl
        >>> class PrintLoss(cl.Callback):
        ...     def on_epoch(self, training, row):
        ...         print(f"epoch {row['epoch']} of {training.num_epochs}")
        >>> small = {"data": {"num_train": 32, "size": 16}, "train": {"epochs": 2}, "method": {"dim": 8}}
        >>> experiment = cl.preset("late-fusion-synthetic", **small)
        >>> trained = cl.fit(experiment, callbacks=[PrintLoss()], progress=False)
        epoch 1 of 2
        epoch 2 of 2
    """

    def on_start(self, training: Training) -> None:
        """The first epoch begins."""

    def on_step(self, training: Training, step: StepProgress) -> None:
        """An optimiser step was taken."""

    def on_epoch(self, training: Training, row: Row) -> None:
        """An epoch was trained, validated and saved; `row` is its line in `metrics.csv`."""

    def on_end(self, training: Training, result: TrainingResult | None) -> None:
        """The training ended: with a result, or with None after an error, an interrupt, or the first of a refit."""
