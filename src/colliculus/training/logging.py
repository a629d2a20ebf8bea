"""The callback that shows every training: a line per epoch, and on a terminal a progress bar."""

from __future__ import annotations

from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from colliculus.runs.history import Row
from colliculus.runs.result import TrainingResult
from colliculus.training.callbacks import Callback, StepProgress, Training

_LONG_S = 20.0
"""Duration of a first step that is reported."""


class ShownProgress(Callback):
    """One line per epoch with the time that is left, and on a terminal a progress bar.

    A first step that takes long is reported at once, with an estimate of the whole, unless it compiled the network.

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
        self._began_s = monotonic()

    def on_start(self, training: Training) -> None:
        """Show the bar."""
        self._began_s = monotonic()
        done, total = (n * training.num_batches for n in (training.first_epoch, training.num_epochs))
        self._task = self._bar.add_task("", total=total, completed=done, epoch="", figures="")
        self._bar.start()

    def on_step(self, training: Training, step: StepProgress) -> None:
        """Move the bar by one optimiser step."""
        first = step.epoch == training.first_epoch + 1 and step.steps == 1
        if first and step.seconds > _LONG_S and training.learner.settings.compile == "none":
            self._report_slow(training, step.seconds)
        if not self._bar.disable:  # the figures wait for the device
            figures = f"accuracy {step.accuracy:.1%}  loss {step.loss:.3f}  {step.samples_per_second:,.0f} samples/s"
            epoch = _epoch(training, step.epoch)
            self._bar.update(self._task, advance=1, epoch=epoch, figures=figures)

    def on_epoch(self, training: Training, row: Row) -> None:
        """Print a line; end the bar after the last epoch."""
        done, left = int(row["epoch"]) - training.first_epoch, training.num_epochs - int(row["epoch"])
        remaining = f"  {duration((monotonic() - self._began_s) / done * left)} left" if left else ""
        self._console.print(
            f"{_epoch(training, int(row['epoch']))}  loss {row['train_loss']:.3f}  "
            f"accuracy {row['train_accuracy']:.1%}  {_validated(row)}{_skipped(row)}"
            f"{training.samples_per_second:,.0f} samples/s{remaining}",
            soft_wrap=True,
        )
        if not left:
            self._bar.stop()

    def on_end(self, training: Training, result: TrainingResult | None) -> None:  # noqa: ARG002
        """End the bar."""
        self._bar.stop()

    def _report_slow(self, training: Training, step_s: float) -> None:
        epoch_s, epochs = step_s * training.num_batches, training.num_epochs - training.first_epoch
        self._console.print(
            f"the first step took {duration(step_s)}: at this pace an epoch takes {duration(epoch_s)} and all {epochs}"
            f" take {duration(epoch_s * epochs)}; smaller inputs, a smaller --method.dim or another --method.encoder"
            " are faster",
            soft_wrap=True,
        )


def duration(seconds: float) -> str:
    """A time in one unit.

    Example:
        >>> duration(7.2), duration(600), duration(9000)
        ('7 s', '10 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _epoch(training: Training, number: int) -> str:
    return f"{training.stage} epoch {number}/{training.num_epochs}".lstrip()


def _validated(row: Row) -> str:
    return f"validation {row['validation_accuracy']:.1%}  " if "validation_accuracy" in row else ""


def _skipped(row: Row) -> str:
    """Steps whose gradients overflowed float16, as the first few of a training may."""
    return f"{row['skipped_steps']:.0f} steps skipped  " if row.get("skipped_steps") else ""
