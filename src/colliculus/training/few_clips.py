"""Advice at the start of a training on few clips: flags for more steps, more epochs and figures over folds."""

from __future__ import annotations

import os
from shlex import join
from typing import Any

import numpy as np

from colliculus.data.dataset import Dataset
from colliculus.data.loading import num_batches
from colliculus.presets import PRESETS
from colliculus.runs.flags import changed, flags
from colliculus.runs.run import Run
from colliculus.types import ColliculusError

FEW = 10
"""Fewer steps an epoch, or validation clips of a class, are few."""
_SMALLEST_BATCH = 4  # batch norm needs some samples
_EPOCHS = 100
"""Measured on 80 clips of four classes (58 train): at chance after 20 epochs, 50 to 69 % after 40 or 50, all after 100;
with batches of 4, 8 and 32 alike."""


def advice(run: Run, dataset: Dataset, *, world_size: int) -> tuple[str, ...]:
    """Sentences for a training that has fewer than ten steps an epoch, or a class with fewer than ten validation clips.

    Each proposes flags of `colliculus train` or a command; none is given where following it would change nothing.

    Args:
        run: run that begins.
        dataset: its data.
        world_size: number of processes.
    """
    steps, proposed = _steps(run, dataset, world_size)
    return (*steps, *_validation(run, dataset, proposed))


def _steps(run: Run, dataset: Dataset, world_size: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The sentence about steps, if any, and the settings that it proposes."""
    train, clips = run.experiment.train, len(dataset.train)

    def steps(batch_size: int) -> int:
        try:
            drop = train.drop_incomplete
            return num_batches(clips, batch_size=batch_size, drop_incomplete=drop, world_size=world_size)
        except ColliculusError:  # the training says so
            return 0

    if (now := steps(train.batch_size)) >= FEW:
        return (), {}
    smallest = max(_SMALLEST_BATCH, world_size)
    size = next((b for b in (64, 32, 16, 8) if smallest < b < train.batch_size and steps(b) >= FEW), smallest)
    proposed: dict[str, Any] = {}
    if size < train.batch_size:
        proposed["train.batch-size"] = size
    if train.epochs < _EPOCHS:
        proposed["train.epochs"] = _EPOCHS
    if not proposed:
        return (), {}
    then = steps(proposed.get("train.batch-size", train.batch_size)) * proposed.get("train.epochs", train.epochs)
    sentence = (
        f"few clips: {clips} training clips in batches of {train.batch_size} are {now} step(s) an epoch and"
        f" {now * train.epochs:,} in all, from which a network learns little; this takes {then:,}:\n"
        f"  {join(flags(proposed))}"
    )
    return (sentence,), proposed


def _validation(run: Run, dataset: Dataset, proposed: dict[str, Any]) -> tuple[str, ...]:
    """The sentence about the validation part, if any class has few clips in it."""
    if not len(dataset.validation):
        return ()
    counts = np.bincount(dataset.validation.labels, minlength=run.spec.num_classes)
    trained = np.bincount(dataset.train.labels, minlength=run.spec.num_classes) > 0
    rarest = int(np.where(trained, counts, counts.max() + 1).argmin())
    if counts[rarest] >= FEW:
        return ()
    beginning = (
        f"few clips: the validation part has {counts[rarest]} of the class {run.spec.names[rarest]!r} and"
        f" {len(dataset.validation)} in all, so that one clip moves its accuracy by"
        f" {100 / len(dataset.validation):.1f} points; "
    )
    if (command := _over_folds(run, proposed)) is not None:
        return (f"{beginning}this takes the figures over folds:\n  {command}",)
    if run.experiment.train.select == "last":
        return ()
    return (f"{beginning}give more, or do not choose an epoch by them:\n  --train.select last",)


def _over_folds(run: Run, proposed: dict[str, Any]) -> str | None:
    """The command that trains and tests on every fold; None where the data have no folds, or no preset names them."""
    data, folds = run.experiment.data, getattr(run.experiment.data, "folds", None)
    if folds is None or run.preset not in PRESETS:
        return None
    settings = changed(run.experiment, PRESETS[run.preset].experiment) | proposed
    settings.pop("data.fold", None)
    if not run.protocol.startswith("group-disjoint"):  # its own split has no folds
        settings["data.protocol"] = "group-disjoint"
    numbers = ",".join(map(str, range(folds)))
    over = ["--seeds", "1", "--set", "data.fold", numbers, "--over", "data.fold"]
    if (jobs := min(os.cpu_count() or 1, folds)) > 1:
        over += ["--jobs", str(jobs)]
    return join(["colliculus", "sweep", run.preset, *over, "--out", f"runs/{data.name}-folds", "--", *flags(settings)])
