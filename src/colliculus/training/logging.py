"""What a training shows and records as it goes: a progress bar, a line per epoch, curves."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from colliculus.runs.history import Row
from colliculus.runs.run import CURVES_FOLDER, METRICS_FILE
from colliculus.training.step import EpochSums

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TrainingLog:
    """Shows and records the epochs of one run.

    Args:
        folder: of the run.
        console: where it is shown; a terminal gets a progress bar, anything else one line for each epoch.
        num_epochs: epochs of the whole run.
        num_batches: optimiser steps of an epoch.
        first_epoch: epochs already trained.
        recorded: write TensorBoard curves, where tensorboard is installed.
    """

    def __init__(
        self,
        folder: Path,
        console: Console,
        *,
        num_epochs: int,
        num_batches: int,
        first_epoch: int,
        recorded: bool,
    ) -> None:
        self._console = console
        self._num_epochs = num_epochs
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        done, total = first_epoch * num_batches, num_epochs * num_batches
        self._task = self._bar.add_task("", total=total, completed=done, epoch="", figures="")
        self._curves = _summary_writer(folder / CURVES_FOLDER, first_epoch, console) if recorded else None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._curves is not None:
            self._curves.close()

    def step(self, epoch: int, sums: EpochSums, seconds: float) -> None:
        """Move the bar by one optimiser step; figures are this rank's over the epoch so far."""
        if self._bar.disable:
            return
        totals = sums.totals()
        samples, correct = totals.pop("samples"), totals.pop("correct")
        loss = sum(totals.values()) / samples
        figures = f"accuracy {correct / samples:.1%}  loss {loss:.3f}  {samples / seconds:,.0f} samples/s"
        self._bar.update(self._task, advance=1, epoch=f"{epoch + 1}/{self._num_epochs}", figures=figures)

    def epoch(self, row: Row, *, samples_per_second: float) -> None:
        """An epoch ended: a line where no bar is shown, and a point on every curve."""
        if self._bar.disable:
            self._console.print(
                f"epoch {row['epoch']}/{self._num_epochs}  loss {row['train_loss']:.3f}  "
                f"accuracy {row['train_accuracy']:.1%}  validation {row['validation_accuracy']:.1%}  "
                f"{samples_per_second:,.0f} samples/s"
            )
        if self._curves is not None:
            for name, value in {**row, "samples_per_second": samples_per_second}.items():
                self._curves.add_scalar(name.replace("_", "/", 1), value, int(row["epoch"]))
            self._curves.flush()


def _summary_writer(folder: Path, first_epoch: int, console: Console) -> SummaryWriter | None:
    """A writer that forgets points of epochs about to be trained again; None without tensorboard, which is an extra."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        console.print(f"tensorboard is not installed: the curves are in {METRICS_FILE} alone")
        return None
    return SummaryWriter(str(folder), purge_step=first_epoch + 1)
