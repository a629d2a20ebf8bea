"""Trainings as jobs: each is one `colliculus train` command in a process of its own, several at once.

Only the run folders record which jobs are done or running, so that a job may also be run by hand or by a cluster's
scheduler, and a kill at any moment costs at most an epoch. A launcher decides where
the processes run (`colliculus.sweeps.launchers`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join
from typing import Any

from colliculus.presets import PRESETS
from colliculus.runs.experiment import Experiment
from colliculus.runs.flags import changed, flags
from colliculus.runs.names import METRICS_FILE, SELECTION_FOLDER
from colliculus.runs.result import read_result
from colliculus.training.conclude import read_choice

PROGRAM = (sys.executable, "-m", "colliculus")


def _epochs_in(folder: Path) -> int:
    """Lines below the heading of a training's metrics."""
    try:
        return max(len((folder / METRICS_FILE).read_bytes().splitlines()) - 1, 0)
    except OSError:
        return 0


def log_of(folder: Path) -> Path:
    """Output of the training in `folder`."""
    return folder.with_name(f"{folder.name}.log")


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        preset: name of the preset that the experiment was made from.
        folder: run folder.
        experiment: method, data and training settings.
    """

    preset: str
    folder: Path
    experiment: Experiment[Any, Any] = field(compare=False)

    @property
    def arguments(self) -> list[str]:
        """Arguments of `colliculus`; a training that was stopped is resumed."""
        changes = changed(self.experiment, PRESETS[self.preset].experiment)
        changes.pop("train.seed", None)  # it stands last, and also where it is that of the preset
        settings = flags(changes | {"train.seed": self.experiment.train.seed})
        return ["train", self.preset, "--out", str(self.folder), "--resume", *settings]

    @property
    def command(self) -> list[str]:
        """The training as a program with its arguments."""
        return [*PROGRAM, *self.arguments]

    @property
    def line(self) -> str:
        """The command as one line for a shell."""
        return join(["colliculus", *self.arguments])

    @property
    def log(self) -> Path:
        """Output of the training, beside its folder."""
        return log_of(self.folder)

    @property
    def is_done(self) -> bool:
        """True when the training is finished."""
        return read_result(self.folder) is not None

    @property
    def num_epochs(self) -> int:
        """Finished epochs of a training that runs or was stopped; those of both trainings of a refit."""
        return _epochs_in(self.folder) + _epochs_in(self.folder / SELECTION_FOLDER)

    @property
    def total_epochs(self) -> int:
        """Epochs until it is done; of a refit those of both trainings, the second in full until its end is chosen."""
        planned, selection = self.experiment.train.epochs, self.folder / SELECTION_FOLDER
        if not selection.is_dir():
            return planned
        choice = read_choice(selection)
        return planned + (planned if choice is None else choice.epoch)

    def complaint(self) -> str:
        """Last line of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].removeprefix("colliculus: error: ") if lines else "no output"
