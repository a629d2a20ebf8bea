"""The only training loop. It knows no paper."""

from __future__ import annotations

import signal
import threading
import weakref
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, cast

from rich.console import Console

from colliculus.data.dataset import Dataset
from colliculus.data.given import Given
from colliculus.data.loading import num_batches
from colliculus.data.user_data import as_dataset
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.runs.experiment import Experiment, replaced
from colliculus.runs.history import write_metrics
from colliculus.runs.result import TrainingResult, best_epoch, read_result
from colliculus.runs.run import MODEL_FILE, Run, write_run
from colliculus.runs.weights import save_weights
from colliculus.runtime import Runtime, keep_memory
from colliculus.training.callbacks import Callback, StepProgress, Training
from colliculus.training.checkpoint import alone, open_folder, read_state, write_state
from colliculus.training.conclude import conclude
from colliculus.training.health import report_start
from colliculus.training.learner import Learner
from colliculus.training.logging import Curves, ShownProgress
from colliculus.training.step import EpochSums
from colliculus.types import ColliculusError


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended a training; its sentence says how to go on."""


def fit(
    experiment: Experiment[Any, Any],
    data: Dataset | Iterable[Any] | None = None,
    out: Path | str | None = None,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    device: str | None = None,
    progress: bool = True,
) -> TrainedRun:
    """Train, keep the epoch with the highest validation accuracy, and test it once.

    Args:
        experiment: method, data and settings.
        data: a loaded `Dataset`; or your own: a PyTorch dataset or batches of (inputs, labels), or a mapping with
            "train", "validation" and "test" of them, as `as_dataset` takes them; None loads the experiment's own.
        out: run folder. After every epoch it holds all that is needed to go on exactly where it was left; under
            `torchrun` every process must see it. None: a temporary folder that lasts as long as what is returned.
        resume: go on with the run in `out`, to the same digits as if it had never stopped. A run that has not finished
            an epoch starts afresh; a finished one is opened.
        callbacks: called at the start, after each step and epoch, and at the end.
        device: "auto" (CUDA where present, else CPU), "cpu", "cuda", or one GPU such as "cuda:0"; None is as in
            `experiment.train.device`.
        progress: print how the training goes.

    Returns:
        The trained run; its `result` has the figures.

    Raises:
        ColliculusError: the folder holds another run or another process trains in it, the data or the device are
            absent, or the training diverged.
        TrainingInterrupted: Ctrl-C or SIGTERM; the run in `out` can be resumed.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 64, "num_test": 30, "size": 16}, "train.epochs": 1, "method.dim": 8}
        >>> trained = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> trained.result.epochs, trained.result.test.total
        (1, 30)
    """
    if resume and out is None:
        raise ColliculusError("resume needs the folder of the run: pass it as out")
    keep_memory()
    if device is not None:
        experiment = replaced(experiment, {"train.device": device})
    if data is not None:
        experiment = replace(experiment, data=Given())
    train = experiment.train
    with Runtime.start(device=train.device, precision=train.precision) as runtime, ExitStack() as temporary:
        quiet = not (progress and runtime.is_main)
        console = Console(quiet=quiet, highlight=False, markup=False)  # a name may be "[a]"
        dataset = runtime.main_first(experiment.data.load) if data is None else _dataset(data)
        run, given = Run.of(experiment, dataset), None if data is None else dataset
        if out is None:
            if runtime.world_size > 1:
                raise ColliculusError(f"the {runtime.world_size} processes need one folder in common: pass it as out")
            out = temporary.enter_context(TemporaryDirectory(prefix="colliculus-", ignore_cleanup_errors=True))
        trained = TrainedRun(Path(out), run, runtime.device, given)
        _fit(trained, dataset, runtime, resume=resume, callbacks=callbacks, console=console)
        weakref.finalize(trained, temporary.pop_all().close)
    return trained


def _dataset(data: Dataset | Iterable[Any]) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, Mapping) and "train" in data:
        return as_dataset(**cast("Mapping[str, Any]", data))
    return as_dataset(data)


def _fit(
    trained: TrainedRun,
    dataset: Dataset,
    runtime: Runtime,
    *,
    resume: bool,
    callbacks: Sequence[Callback],
    console: Console,
) -> None:
    folder, run = trained.folder, trained.run
    with alone(folder, runtime):
        state = open_folder(folder, run, world_size=runtime.world_size, resume=resume)
        if read_result(folder) is not None:
            console.print(f"{folder} is finished: nothing is left to resume", soft_wrap=True)
            return
        if resume and state is None:
            console.print(f"nothing to resume in {folder}: the training starts", soft_wrap=True)
        runtime.barrier()  # no rank writes before every rank has read
        learner = Learner(run, runtime, state)
        with _interruptible(folder, learner):
            if runtime.is_main and state is None:
                write_run(folder, run)
                report_start(folder, learner, dataset.train, console)
            _train(folder, learner, dataset, callbacks, console)


def _train(folder: Path, learner: Learner, dataset: Dataset, callbacks: Sequence[Callback], console: Console) -> None:
    settings, runtime = learner.settings, learner.runtime
    batches = num_batches(
        len(dataset.train),
        batch_size=settings.batch_size,
        drop_incomplete=settings.drop_incomplete,
        world_size=runtime.world_size,
    )
    training = Training(folder=folder, learner=learner, num_batches=batches, first_epoch=len(learner.history))
    every = [ShownProgress(console), *([Curves(console)] if runtime.is_main else []), *callbacks]

    def watch(epoch: int, sums: EpochSums, seconds: float) -> None:
        for callback in every:
            callback.on_step(training, StepProgress(epoch + 1, sums, seconds))

    result: TrainingResult | None = None
    try:
        for callback in every:
            callback.on_start(training)
        for epoch in range(training.first_epoch, settings.epochs):
            row = learner.train_epoch(dataset.train, epoch, watch)
            row |= learner.validate(dataset.validation)
            learner.history.append(row)
            if runtime.is_main:
                _save(folder, learner)
            for callback in every:
                callback.on_epoch(training, row)
        result = conclude(folder, learner, dataset, console)
    finally:
        for callback in every:
            callback.on_end(training, result)


def _save(folder: Path, learner: Learner) -> None:
    """Save an epoch so that a kill at any moment loses at most this epoch.

    The epoch counts once its state is written, and by then its model must be there. Files derived from the state come
    last: a resumed run writes them again.
    """
    if best_epoch(learner.history) == len(learner.history):
        save_weights(learner.judged, folder / MODEL_FILE)
    write_state(folder, learner.state())
    write_metrics(folder, learner.history)


@contextmanager
def _interruptible(folder: Path, learner: Learner) -> Generator[None]:
    """Let SIGTERM end a training as Ctrl-C does, and say how to go on."""
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
