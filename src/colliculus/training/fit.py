"""Training: `fit` trains once, or twice where the second training may use the validation part too."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from rich.console import Console

from colliculus.data.dataset import Dataset
from colliculus.data.given import Given
from colliculus.data.joined import together
from colliculus.data.user_data import as_dataset
from colliculus.evaluation.trained_run import TrainedRun, open_run
from colliculus.runs.experiment import Experiment, replaced
from colliculus.runs.names import RUN_FILE, SELECTION_FOLDER
from colliculus.runs.result import read_result
from colliculus.runs.run import Run, Start, read_start, write_run
from colliculus.runs.start import start_from
from colliculus.runtime import Runtime, evaluated_in, keep_memory, may_restart
from colliculus.training.callbacks import Callback
from colliculus.training.checkpoint import begun
from colliculus.training.conclude import Choice, conclude, conclude_first, read_choice
from colliculus.training.few_clips import advice
from colliculus.training.interrupt import TrainingInterrupted
from colliculus.training.stage import Session, Stage
from colliculus.types import ColliculusError, printable

__all__ = ["TrainingInterrupted", "fit"]


def fit(
    experiment: Experiment[Any, Any],
    data: Dataset | Iterable[Any] | None = None,
    out: Path | str | None = None,
    *,
    start: TrainedRun | Path | str | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    device: str | None = None,
    progress: bool = True,
) -> TrainedRun:
    """Train, keep the epoch with the highest validation accuracy, and test it once.

    With `train.select` "macro-f1", the epoch with the highest macro-F1 is kept; with "last", and without a validation
    part, the last one. With `train.refit` a second training follows, on the training and validation parts together, up
    to the epoch that the first one kept; the first one stands in the folder `selection`.

    Args:
        experiment: method, data and settings.
        data: a loaded `Dataset`; or your own: a PyTorch dataset or batches of (inputs, labels), or a mapping with
            "train", "validation" and "test" of them, as `as_dataset` takes them; None loads the experiment's own.
        out: run folder. After every epoch it holds all that is needed to go on exactly where it was left; under
            `torchrun` every process must see it. None: a temporary folder that lasts as long as what is returned.
        start: a finished run, or its folder, whose weights the training starts from. The network must be the same;
            where the classes differ, the layers that depend on them are new. A resumed run knows its start.
        resume: go on with the run in `out`, to the same digits as if it had never stopped. A run that has not finished
            an epoch starts afresh; a finished one is opened. True wherever `torchrun` may start the processes again
            (`--max-restarts`).
        callbacks: called at the start, after each step and epoch, and at the end.
        device: "auto" (CUDA where present, else CPU), "cpu", "cuda", or one GPU such as "cuda:0"; None is as in
            `experiment.train.device`.
        progress: print how the training goes.

    Returns:
        The trained run; its `result` has the figures.

    Raises:
        ColliculusError: the folder holds another run or another process trains in it, the data or the device are
            absent, or the training diverged.
        TrainingInterrupted: Ctrl-C, SIGTERM or SIGHUP; the run in `out` can be resumed.

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
    started = Runtime.start(device=train.device, precision=train.precision, deterministic=train.deterministic)
    with started as runtime, ExitStack() as temporary:
        resume = resume or any(runtime.of_all(int(may_restart())))  # even if the machines differ
        quiet = not (progress and runtime.is_main)
        console = Console(quiet=quiet, highlight=False, markup=False)  # a name may be "[a]"
        before = None if start is None else _before(start)  # a mistake is found before the data are read
        dataset = runtime.main_first(experiment.data.load) if data is None else _dataset(data)
        run, given = Run.of(experiment, dataset), None if data is None else dataset
        run = replace(run, start=_start(run, before, Path(out) if out and resume else None))
        if out is None:
            if runtime.world_size > 1:
                raise ColliculusError(f"the {runtime.world_size} processes need one folder in common: pass it as out")
            out = temporary.enter_context(TemporaryDirectory(prefix="colliculus-", ignore_cleanup_errors=True))
        trained = TrainedRun(Path(out), run, runtime.device, given, evaluated_in(train.precision))
        _fit(trained, dataset, Session(runtime=runtime, resume=resume, callbacks=callbacks, console=console))
        weakref.finalize(trained, temporary.pop_all().close)
    return trained


def _before(given: TrainedRun | Path | str) -> TrainedRun:
    """The run whose weights a training starts from.

    Raises:
        ColliculusError: it is not a run, or is not finished.
    """
    before = open_run(given, "cpu")
    if not before.run.imported and read_result(before.folder) is None:
        raise ColliculusError(f"{before.folder} is not finished: add --resume to the command that trained it")
    return before


def _start(run: Run, before: TrainedRun | None, resumed: Path | None) -> Start | None:
    """The weights that a run starts from: those given, else those of the run that is resumed."""
    if before is None:
        return read_start(resumed) if resumed is not None and (resumed / RUN_FILE).is_file() else None
    return start_from(before.folder, before.run, run)


def _dataset(data: Dataset | Iterable[Any]) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, Mapping) and "train" in data:
        return as_dataset(**cast("Mapping[str, Any]", data))
    return as_dataset(data)


def _fit(trained: TrainedRun, dataset: Dataset, session: Session) -> None:
    folder, run, console = trained.folder, trained.run, session.console
    _check_parts(run, dataset)
    with session.opened(folder, run) as state:
        if read_result(folder) is not None:
            console.print(f"{folder} is finished: nothing is left to resume", soft_wrap=True)
            return
        if session.resume and not begun(folder):
            console.print(f"nothing to resume in {folder}: the training starts", soft_wrap=True)
        if run.start is not None and state is None:
            console.print(printable(f"the training starts from the {run.start}"), soft_wrap=True)
        for sentence in advice(run, dataset, world_size=session.runtime.world_size) if state is None else ():
            console.print(printable(sentence, "\n"), soft_wrap=True)
        if not (run.experiment.train.refit and len(dataset.validation)):  # without one, everything trains at once
            finish = partial(conclude, folder, dataset=dataset, console=console, first=None)
            Stage(folder=folder, run=run, dataset=dataset, state=state).train(session, finish)
            return
        if session.runtime.is_main and state is None:
            write_run(folder, run)
        first = _first_choice(folder / SELECTION_FOLDER, run, dataset, session)
        epochs = f"{first.epoch} of {run.experiment.train.epochs} epochs"
        console.print(
            f"second training (refit): the training and validation parts together, {epochs}: the first training kept"
            f" {first.selection}",
            soft_wrap=True,
        )
        whole = together(dataset)
        stage = Stage(
            folder=folder,
            run=run,
            dataset=whole,
            state=state,
            name="refit",
            epochs=first.epoch,
            decisions=first.decisions,
        )
        stage.train(session, partial(conclude, folder, dataset=whole, console=console, first=first))


def _first_choice(folder: Path, run: Run, dataset: Dataset, session: Session) -> Choice:
    """The choices of the first training of a refit, which is trained now as far as it is not finished."""
    train = replace(run.experiment.train, refit=False)
    first = replace(run, experiment=replace(run.experiment, train=train))
    with session.opened(folder, first) as state:
        if (found := read_choice(folder)) is not None:
            return found
        session.console.print("first training (selection): the training part, judged on the validation part")
        finish = partial(conclude_first, folder, dataset=dataset, console=session.console)
        return Stage(folder=folder, run=first, dataset=dataset, state=state, name="selection").train(session, finish)


def _check_parts(run: Run, dataset: Dataset) -> None:
    """Check that the data have a validation part where one is needed.

    Raises:
        ColliculusError: they have none.
    """
    if (
        run.experiment.train.refit or not len(dataset.validation)
    ) and run.experiment.method.modulator().needs_validation:
        raise ColliculusError(
            "the balance of the method is set by accuracies on a validation part, which a training on everything does"
            " not have: leave train.refit off and data.validation_fraction above 0, or choose another balance"
        )
