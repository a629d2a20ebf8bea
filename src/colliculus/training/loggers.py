"""Loggers: callbacks that record a training elsewhere. TensorBoard is always on; others are chosen by name or passed.

Those of other packages are found by their entry points in the group "colliculus.loggers" (`colliculus.plugins`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from rich.console import Console

from colliculus.files.atomic import write_atomic
from colliculus.files.documents import flat
from colliculus.plugins import Parts
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.history import Row
from colliculus.runs.names import CURVES_FOLDER, METRICS_FILE
from colliculus.runs.result import TrainingResult
from colliculus.training.callbacks import Callback, StepProgress, Training
from colliculus.types import ColliculusError, unknown_name

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

STEPS_FILE = "steps.csv"


class TensorBoard(Callback):
    """Curves of everything in `metrics.csv`, where tensorboard is installed.

    Args:
        console: console that says when it is not.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = Console(highlight=False) if console is None else console
        self._writer: SummaryWriter | None = None

    def on_start(self, training: Training) -> None:
        """Open the curves; points of epochs that are trained again are dropped."""
        if not training.is_main:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:  # an extra
            self._console.print(f"tensorboard is not installed: the curves are only in {METRICS_FILE}")
            return
        self._writer = SummaryWriter(str(training.folder / CURVES_FOLDER), purge_step=training.first_epoch + 1)

    def on_epoch(self, training: Training, row: Row) -> None:
        """Add a point to every curve."""
        if self._writer is not None:
            for name, value in {**row, "samples_per_second": training.samples_per_second}.items():
                self._writer.add_scalar(name.replace("_", "/", 1), value, int(row["epoch"]))
            self._writer.flush()

    def on_end(self, training: Training, result: TrainingResult | None) -> None:  # noqa: ARG002
        """Close the curves."""
        if self._writer is not None:
            self._writer.close()


class StepLog(Callback):
    """Figures of every optimiser step in `steps.csv` of the run folder, beside `metrics.csv`, which has the epochs.

    Loss and accuracy are means over the epoch so far. Reading them makes each step wait for the device.
    """

    COLUMNS = ("epoch", "step", "loss", "accuracy", "samples_per_second")

    def __init__(self) -> None:
        self._file: TextIO | None = None

    def on_start(self, training: Training) -> None:
        """Open the file; a resumed training adds to the rows of the epochs that it does not train again."""
        if training.is_main:
            path = training.folder / STEPS_FILE
            header = ",".join(self.COLUMNS).encode() + b"\r\n"
            write_atomic(path, header + _rows_until(path, training.first_epoch))
            self._file = path.open("a", newline="", encoding="utf-8")

    def on_step(self, training: Training, step: StepProgress) -> None:  # noqa: ARG002
        """Write a row."""
        if self._file is not None:
            figures = (f"{value:.9g}" for value in (step.loss, step.accuracy, step.samples_per_second))
            csv.writer(self._file).writerow([step.epoch, step.steps, *figures])

    def on_epoch(self, training: Training, row: Row) -> None:  # noqa: ARG002
        """Write what is still in memory."""
        if self._file is not None:
            self._file.flush()

    def on_end(self, training: Training, result: TrainingResult | None) -> None:  # noqa: ARG002
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _rows_until(path: Path, last_epoch: int) -> bytes:
    """Rows of `steps.csv` up to an epoch, without a last one that a kill cut off."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    rows = ((line.partition(b",")[0], line) for line in lines if line.endswith(b"\n"))
    return b"".join(line for epoch, line in rows if epoch.isdigit() and int(epoch) <= last_epoch)


class WandB(Callback):
    """A run of Weights & Biases with all settings, the row of every epoch, and the test accuracy.

    Args:
        project: name of the project.
        mode: offline writes below the run folder and needs no account (`wandb sync` uploads it); online sends at once.

    Example:
        >>> import colliculus as cl
        >>> watched = WandB(project="two-senses", mode="offline")  # cl.fit(experiment, callbacks=[watched])
        >>> isinstance(watched, cl.Callback)
        True
    """

    def __init__(self, project: str = "colliculus", mode: Literal["online", "offline", "disabled"] = "offline") -> None:
        self._project, self._mode = project, mode
        self._run: Any = None

    def on_start(self, training: Training) -> None:
        """Begin the run.

        Raises:
            ColliculusError: wandb is not installed.
        """
        if not training.is_main:
            return
        try:
            import wandb  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ColliculusError("the logger wandb needs its package: pip install 'colliculus[wandb]'") from error
        self._run = wandb.init(
            project=self._project,
            name=f"{training.folder.name} {training.stage}".rstrip(),
            dir=str(training.folder),
            mode=self._mode,
            config=flat(experiment_to_plain(training.run.experiment)),
        )

    def on_epoch(self, training: Training, row: Row) -> None:
        """Log the row of the epoch."""
        if self._run is not None:
            self._run.log({**row, "samples_per_second": training.samples_per_second}, step=int(row["epoch"]))

    def on_end(self, training: Training, result: TrainingResult | None) -> None:  # noqa: ARG002
        """Note the test accuracy and end the run."""
        if self._run is not None:
            if result is not None:
                self._run.summary["test_accuracy"] = result.test.accuracy
            self._run.finish()
            self._run = None


LOGGERS: Parts[Callable[[], Callback]] = Parts("loggers", {"csv": StepLog, "wandb": WandB})
"""Loggers by name, beside TensorBoard; each makes a callback."""


def logger(name: str) -> Callback:
    """A new logger.

    Raises:
        ColliculusError: there is none of that name.

    Example:
        >>> type(logger("csv")).__name__
        'StepLog'
    """
    if name not in LOGGERS:
        raise unknown_name("logger", name, LOGGERS)
    return LOGGERS[name]()
