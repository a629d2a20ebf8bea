"""The only training loop. It knows no paper."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from colliculus.data.dataset import Dataset
from colliculus.data.loading import num_batches
from colliculus.evaluation.metrics import Metrics
from colliculus.runs.experiment import Experiment
from colliculus.runs.history import write_metrics
from colliculus.runs.kept_predictions import Condition, write_predictions
from colliculus.runs.result import Result, best_epoch, read_result, write_result
from colliculus.runs.run import MODEL_FILE, Run, write_run
from colliculus.runs.weights import load_weights, save_weights
from colliculus.runtime import Runtime, keep_memory
from colliculus.training.checkpoint import alone, open_folder, read_state, write_state
from colliculus.training.conclude import measure_result
from colliculus.training.health import report_end, report_start
from colliculus.training.learner import Learner
from colliculus.training.logging import TrainingLog


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended a training; its one sentence says how to go on."""


def fit(
    experiment: Experiment[Any, Any],
    folder: Path,
    *,
    preset: str,
    resume: bool,
    runtime: Runtime,
    progress: bool = True,
) -> Result:
    """Train, keep the epoch that does best on validation, and test it once.

    Args:
        experiment: method, data and settings.
        folder: of the run; after every epoch it holds all that is needed to go on exactly where it was left. Under
            `torchrun` every process must see it.
        preset: name of the experiment, for the record.
        resume: go on with the run in `folder`, to the same digits as if it had never stopped. A run that has not
            finished an epoch starts afresh, a finished one only gives its result.
        runtime: device and processes.
        progress: show how it goes.

    Returns:
        What `result.json` holds.

    Raises:
        ColliculusError: the folder holds another run or is being trained by another process, the data or the device
            are not there, or training diverged.
        TrainingInterrupted: Ctrl-C or SIGTERM; `folder` can be resumed.
    """
    keep_memory()
    console = Console(quiet=not (progress and runtime.is_main), highlight=False, markup=False)  # a name may be "[a]"
    dataset = runtime.main_first(experiment.data.load)
    run = Run.of(preset, experiment, dataset)
    with alone(folder, runtime):
        state = open_folder(folder, run, world_size=runtime.world_size, resume=resume)
        if (result := read_result(folder)) is not None:
            console.print(f"{folder} is finished: nothing is left to resume", soft_wrap=True)
            return result
        if resume and state is None:
            console.print(f"nothing to resume in {folder}: the training starts", soft_wrap=True)
        runtime.barrier()  # nobody writes before everybody has looked
        learner = Learner(run, runtime, state)
        with _interruptible(folder, learner):
            if runtime.is_main and state is None:
                write_run(folder, run)
                report_start(folder, learner, dataset.train, console)
            _train(folder, learner, dataset, console)
            return _conclude(folder, learner, dataset, console)


def _train(folder: Path, learner: Learner, dataset: Dataset, console: Console) -> None:
    settings, runtime = learner.settings, learner.runtime
    steps = num_batches(
        len(dataset.train),
        batch_size=settings.batch_size,
        drop_incomplete=settings.drop_incomplete,
        world_size=runtime.world_size,
    )
    first = len(learner.history)
    log = TrainingLog(
        folder, console, num_epochs=settings.epochs, num_batches=steps, first_epoch=first, recorded=runtime.is_main
    )
    with log:
        for epoch in range(first, settings.epochs):
            row = learner.train_epoch(dataset.train, epoch, log.step)
            row |= learner.validate(dataset.validation)
            learner.history.append(row)
            if runtime.is_main:
                _save(folder, learner)
            log.epoch(row, samples_per_second=learner.samples_per_second)


def _save(folder: Path, learner: Learner) -> None:
    """Keep an epoch, whatever kills the process meanwhile.

    The epoch counts once its state is written, and by then its model must be there. What is derived from the state
    comes last: it is written again on resume.
    """
    if best_epoch(learner.history) == len(learner.history):
        save_weights(learner.judged, folder / MODEL_FILE)
    write_state(folder, learner.state())
    write_metrics(folder, learner.history)


def _conclude(folder: Path, learner: Learner, dataset: Dataset, console: Console) -> Result:
    runtime = learner.runtime
    runtime.barrier()  # rank 0 has written the best model
    load_weights(learner.judged, folder / MODEL_FILE)
    tested = learner.classify(dataset.test)
    result = measure_result(learner, learner.evaluate(dataset.validation), Metrics.of(tested))
    if runtime.is_main:
        write_predictions(folder, learner.run, Condition.of(learner.run), tested)
        report_end(folder, learner, learner.noisy(dataset.validation), console)
        write_metrics(folder, learner.history)
        write_result(folder, result)
    return result


@contextmanager
def _interruptible(folder: Path, learner: Learner) -> Generator[None]:
    """Let SIGTERM end a training as Ctrl-C does, and tell how to go on."""
    try:
        with sigterm_as_interrupt():
            yield
    except KeyboardInterrupt as interrupt:
        kept = read_state(folder)
        raise TrainingInterrupted(
            f"interrupted: {folder} holds {len(kept.history) if kept else 0} of {learner.settings.epochs} epochs, "
            "add --resume to the same command to go on"
        ) from interrupt


@contextmanager
def sigterm_as_interrupt() -> Generator[None]:
    """Within, SIGTERM raises KeyboardInterrupt, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
