"""A trained run, opened: its model, its data and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from colliculus.data.augment import AugmentedSplit
from colliculus.data.dataset import Dataset, DataSettings, Split
from colliculus.model import MultimodalSNN
from colliculus.records.console import remark
from colliculus.runs.experiment import Experiment
from colliculus.runs.result import TrainingResult, read_result
from colliculus.runs.run import Run, load_model, read_run
from colliculus.types import ColliculusError, DataSpec

Part = Literal["test", "validation", "train"]
"""Part of a dataset."""


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A run folder, opened. The model and the data are loaded on first use.

    Args:
        folder: run folder, written by `colliculus train --out` or `fit(..., out=...)`.
        run: contents of its `run.yaml`.
        device: device of the model.
        given: data given in Python, in the place of the experiment's own.
    """

    folder: Path
    run: Run
    device: torch.device
    given: Dataset | None = None

    @property
    def experiment(self) -> Experiment[Any, Any]:
        """Method, data and training settings."""
        return self.run.experiment

    @property
    def result(self) -> TrainingResult:
        """Figures of the finished training.

        Raises:
            ColliculusError: the run is not finished, or was not trained here.
        """
        if (found := read_result(self.folder)) is None:
            raise ColliculusError(f"{self.folder} is not finished: add --resume to the command that trained it")
        return found

    @cached_property
    def model(self) -> MultimodalSNN:
        """The trained model in eval mode, on `device`.

        Raises:
            ColliculusError: the weights are absent, damaged or of another model.
        """
        return load_model(self.folder, self.run).to(self.device)

    @cached_property
    def data(self) -> Dataset:
        """The data of the training, standardised as they were in training.

        Raises:
            ColliculusError: the data are absent, or of another shape than the model takes.
        """
        return self.load(self.experiment.data) if self.given is None else self.given

    def load(self, settings: DataSettings) -> Dataset:
        """Load other data for this model, standardised as in training; remark when they are not the training's.

        Raises:
            ColliculusError: the model cannot take these data.
        """
        dataset = settings.load(self.run.normalisation)
        check_spec(self.run.spec, dataset.spec)
        if self.run.fingerprint and dataset.fingerprint != self.run.fingerprint:  # an imported run has no fingerprint
            remark(
                f"these are not the data of the training (fingerprint {dataset.fingerprint}, not "
                f"{self.run.fingerprint})"
            )
        return dataset

    def part(self, name: Part) -> Split:
        """A part of the run's data as it is stored, without augmentation."""
        return stored_part(self.data, name)


def open_run(run: TrainedRun | Path | str, device: str = "auto") -> TrainedRun:
    """Open a run folder; an open run is returned as it is.

    Args:
        run: folder that `colliculus train --out` wrote.
        device: "auto" (CUDA where present, else CPU), "cpu", "cuda", or one GPU such as "cuda:0".

    Raises:
        ColliculusError: the folder is not a run folder, its `run.yaml` is damaged, or the device is absent.
    """
    from colliculus.runtime import choose_device

    if isinstance(run, TrainedRun):
        return run
    folder = Path(run)
    return TrainedRun(folder, read_run(folder), choose_device(device))


def stored_part(dataset: Dataset, name: Part) -> Split:
    """A part of `dataset` as it is stored, without augmentation."""
    split: Split = getattr(dataset, name)
    return split.split if isinstance(split, AugmentedSplit) else split


def check_spec(trained: DataSpec, given: DataSpec) -> None:
    """Check that data have the modalities, channels, sizes and classes that a model was trained on.

    Raises:
        ColliculusError: they differ.
    """
    known = trained.sizes  # a run imported from a reference checkpoint may know none
    kinds = {
        "modalities": (trained.modalities, given.modalities),
        "channels": (tuple(trained.channels.values()), tuple(given.channels.values())),
        "sizes": (tuple(known.values()), tuple(given.sizes.get(m) for m in known)),
        "classes": (trained.names, given.names if trained.class_names else given.numbers),
    }
    for kind, (ours, theirs) in kinds.items():
        if ours != theirs:
            raise ColliculusError(
                f"the run was trained on the {kind} {', '.join(map(str, ours))} and these data have "
                f"{', '.join(map(str, theirs))}: give data of the same kind, or train on these"
            )
