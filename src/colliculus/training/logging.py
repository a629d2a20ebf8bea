"""Callbacks that show and record every training: a progress bar or a line per epoch, and TensorBoard curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from colliculus.runs.history import Row
from colliculus.runs.names import CURVES_FOLDER, METRICS_FILE
from colliculus.runs.result import TrainingResult
from colliculus.training.callbacks import Callback, StepProgress, Training

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class ShownProgress(Callback):
    """A progress bar on a terminal, elsewhere one line per epoch.

    Args:
        console: console to print on.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = TaskID(0)

    def on_start(self, training: Training) -> None:
        """Show the bar."""
        done, total = (n * training.num_batches for n in (training.first_epoch, training.num_epochs))
        self._task = self._bar.add_task("", total=total, completed=done, epoch="", figures="")
        self._bar.start()

    def on_step(self, training: Training, step: StepProgress) -> None:
        """Move the bar by one optimiser step."""
        if not self._bar.disable:  # the figures wait for the device
            figures = f"accuracy {step.accuracy:.1%}  loss {step.loss:.3f}  {step.samples_per_second:,.0f} samples/s"
            epoch = _epoch(training, step.epoch)
            self._bar.update(self._task, advance=1, epoch=epoch, figures=figures)

    def on_epoch(self, training: Training, row: Row) -> None:
        """Print a line where no bar is shown; end the bar after the last epoch."""
        if self._bar.disable:
            self._console.print(
                f"{_epoch(training, int(row['epoch']))}  loss {row['train_loss']:.3f}  "
                f"accuracy {row['train_accuracy']:.1%}  {_validated(row)}"
                f"{training.samples_per_second:,.0f} samples/s"
            )
        elif row["epoch"] == training.num_epochs:
            self._bar.stop()

    def on_end(self, training: Training, result: TrainingResult | None) -> None:  # noqa: ARG002
        """End the bar."""
        self._bar.stop()


def _epoch(training: Training, number: int) -> str:
    return f"{training.stage} epoch {number}/{training.num_epochs}".lstrip()


def _validated(row: Row) -> str:
    return f"validation {row['validation_accuracy']:.1%}  " if "validation_accuracy" in row else ""


class Curves(Callback):
    """TensorBoard curves of everything in `metrics.csv`, where tensorboard is installed.

    Args:
        console: console that says when it is not.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._writer: SummaryWriter | None = None

    def on_start(self, training: Training) -> None:
        """Open the curves; points of epochs that are trained again are dropped."""
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
