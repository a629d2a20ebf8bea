"""The exact state of a training between two epochs, and the rules for opening a run folder to train in it."""

from __future__ import annotations

import io
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colliculus.corpus.protocols import current_name
from colliculus.files.atomic import TEMPORARY, move, remove_leftovers, write_atomic
from colliculus.files.checks import refuse_links
from colliculus.files.documents import Document, differences
from colliculus.files.lock import LOCK_FILE, locked
from colliculus.runs.identity import digest
from colliculus.runs.migration import migrated
from colliculus.runs.names import (
    CURVES_FOLDER,
    HEALTH_FILE,
    MODEL_FILE,
    RESULT_FILE,
    RUN_FILE,
    SELECTION_FOLDER,
    STATE_FILE,
)
from colliculus.runs.run import Run, read_run_file, to_document
from colliculus.runs.weights import save_weights
from colliculus.runtime import PeerError, Runtime
from colliculus.types import ColliculusError

NEXT_FILE = "last/model.safetensors"
"""Weights of a new best epoch, until the state that names them is written; then they become the run's model."""

IN_HAND = "is being trained by another process"
"""Message when another training holds the folder."""

STARTED = {RUN_FILE, HEALTH_FILE, CURVES_FOLDER, SELECTION_FOLDER, "last"}
"""Contents of a run folder before its first epoch is saved."""

_MAY_DIFFER = ("version", "normalisation.", "experiment.train.device", "experiment.data.root", "stored.", "start.run")
"""Keys of run.yaml that may change on resume: fingerprint and digest identify data and weights, wherever they are."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The state after an epoch, from which a training goes on exactly.

    Random numbers are not part of it: each epoch starts them afresh from (seed, epoch, rank).

    Args:
        run: `run.yaml` of the run.
        world_size: number of processes of the training.
        model: weights and statistics of the model.
        average: weights and statistics of the moving average, if there is one.
        optimizer: state of the optimiser.
        modulation: state of the modulator.
        history: one row of `metrics.csv` for each finished epoch.
        steps: optimiser steps taken.
        samples: training samples so far.
        seconds: duration of the training so far.
        best: SHA-256 digest of the file of the best model; "" in states of version 0.1.
        scale: scale of the loss under fp16; empty in other precisions.
    """

    run: Document
    world_size: int
    model: dict[str, Tensor]
    average: dict[str, Tensor] | None
    optimizer: dict[str, Any]
    modulation: dict[str, Any]
    history: list[dict[str, float]]
    steps: int
    samples: int
    seconds: float
    best: str = ""
    scale: dict[str, Any] = field(default_factory=dict[str, Any])


def keep_best(folder: Path, model: nn.Module) -> str:
    """Write the weights of a new best epoch beside the state; returns their digest, which the next state names."""
    return save_weights(model, folder / NEXT_FILE)


def settle_best(folder: Path, best: str) -> None:
    """Make the weights that `keep_best` wrote the model of the run if the state names them, else delete them.

    A kill before the state was written leaves the former model, of which the former state knows.
    """
    new = folder / NEXT_FILE
    if new.exists():
        if digest(new) == best:
            move(new, folder / MODEL_FILE)
        else:
            new.unlink()


def replace_best(folder: Path, model: nn.Module) -> None:
    """Replace the best model of a training whose last epoch is saved, after a decision about its parts."""
    state, best = read_state(folder), keep_best(folder, model)
    if state is not None:
        write_state(folder, replace(state, best=best))
    settle_best(folder, best)


def write_state(folder: Path, state: State) -> None:
    """Replace the state of `folder` atomically."""
    buffer = io.BytesIO()
    torch.save(vars(state), buffer)
    write_atomic(folder / STATE_FILE, buffer.getvalue())


def read_state(folder: Path) -> State | None:
    """The state in `folder`; None before the end of the first epoch. Only tensors and plain values are unpickled.

    Raises:
        ColliculusError: the file is damaged.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return None
    try:
        return State(**torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # on damaged bytes PyTorch raises more kinds than it documents
        raise ColliculusError(f"{path} is damaged and cannot be resumed: train again with another --out") from error


@contextmanager
def alone(folder: Path, runtime: Runtime) -> Generator[None]:
    """Lock `folder` for this training; the lock ends with the block or the process.

    Rank 0 holds the lock for all ranks. If the folder is not writable, the first write reports it.

    Raises:
        ColliculusError: another training holds the folder, or it contains other files, or a rank does not see it. Every
            rank raises, so that none waits for another.
    """
    with ExitStack() as held:
        refused: ColliculusError | None = None
        if runtime.is_main:
            try:
                _present(folder)
                with suppress(OSError):
                    folder.mkdir(parents=True, exist_ok=True)
                    held.enter_context(locked(folder, IN_HAND))
                    remove_leftovers(folder / "last", [Path(name).name for name in (STATE_FILE, NEXT_FILE)])
            except ColliculusError as error:
                refused = error
        if any(runtime.of_all(int(refused is not None))):
            raise refused or PeerError(f"rank 0 cannot train in {folder}: read its message")
        _check_shared(folder, runtime)
        yield


def _check_shared(folder: Path, runtime: Runtime) -> None:
    """Check that every rank sees the folder that rank 0 holds.

    Raises:
        ColliculusError: one does not.
    """
    # The list of a folder is read anew, where a network's disk may still remember that a file was not there.
    held = folder.is_dir() and LOCK_FILE in os.listdir(folder)  # noqa: PTH208 - a name, not a path
    seen = runtime.of_all(int(held))
    if seen[0] and not all(seen):
        sentence = (
            f"rank {seen.index(0)} does not see the folder {folder.absolute()} that rank 0 trains in: pass as --out a"
            " folder that all machines share"
        )
        raise ColliculusError(sentence) if runtime.is_main else PeerError(sentence)


def check_agreement(folder: Path, state: State | None, runtime: Runtime) -> None:
    """Check that every rank read the same state; a disk over a network may give one of them an older one.

    Raises:
        ColliculusError: they did not.
    """
    epochs = runtime.of_all(len(state.history) if state else 0)
    if len(set(epochs)) > 1:
        sentence = (
            f"the processes read different states of {folder}, after {', '.join(map(str, epochs))} epochs by rank: wait"
            " until its disk shows the same files to all machines, then start again with --resume"
        )
        raise ColliculusError(sentence) if runtime.is_main else PeerError(sentence)


def open_folder(folder: Path, run: Run, *, world_size: int, resume: bool) -> State | None:
    """Check that `run` may train in `folder`, and read its state; nothing is written.

    Args:
        folder: a folder that is absent, empty, or left by a run before the end of its first epoch; with `resume` also
            one in which this run was started.
        run: run to train.
        world_size: number of processes.
        resume: go on from the state in the folder.

    Returns:
        The state to go on from; None to start at the beginning.

    Raises:
        ColliculusError: the folder holds a run and `resume` is False, or it holds another run or other files.
    """
    unsaved = set(_present(folder)) <= STARTED and not begun(folder)
    if unsaved:  # starting over loses nothing
        return None
    if not resume:
        raise ColliculusError(f"{folder} is not empty: add --resume to go on with its run, or choose another --out")
    _check_same(folder, read_run_file(folder), to_document(run))
    state = read_state(folder)
    if state is not None:
        _check_same(folder / STATE_FILE, migrated(state.run), to_document(run))
        if state.world_size != world_size:
            raise ColliculusError(
                f"{folder} was trained by {state.world_size} process(es) and {world_size} were started, which would "
                f"divide the batches differently: resume with {state.world_size}"
            )
        _check_best(folder, state.best)
    return state


def _check_best(folder: Path, best: str) -> None:
    held = [digest(path) for path in (folder / MODEL_FILE, folder / NEXT_FILE) if path.exists()]
    if best and held and best not in held:  # without any, the loading of the model says so
        raise ColliculusError(
            f"{folder / MODEL_FILE} is not the model that {STATE_FILE} names, its digest differs: restore the two files"
            " of one run, or train again with another --out"
        )


def _present(folder: Path) -> list[str]:
    """Files of a run in `folder`, without temporary ones.

    Raises:
        ColliculusError: it holds other files or a symbolic link.
    """
    if folder.exists() and not folder.is_dir():
        raise ColliculusError(f"{folder} is a file: choose a folder for --out")
    refuse_links(folder)
    names = [entry.name for entry in folder.iterdir()] if folder.exists() else []
    present = [name for name in names if not name.endswith(TEMPORARY) and name != LOCK_FILE]
    if present and RUN_FILE not in present:
        raise ColliculusError(f"{folder} holds other files than those of a run: choose another --out")
    return present


def begun(folder: Path) -> bool:
    """True when `folder` holds at least one epoch of a run, so that another run must not replace it."""
    return any((folder / name).exists() for name in (STATE_FILE, RESULT_FILE, f"{SELECTION_FOLDER}/{STATE_FILE}"))


def check_settings(folder: Path, experiment: Document) -> None:
    """Check that the run in `folder` has the settings of `experiment`, given in plain values.

    Raises:
        ColliculusError: its settings differ, or it cannot be read.
    """
    _check_same(folder, {"experiment": read_run_file(folder).get("experiment")}, {"experiment": experiment})


def _check_same(place: Path, before: Document, now: Document) -> None:
    for key, (old, new) in differences(before, now).items():
        if key.startswith(_MAY_DIFFER) or (key.endswith("protocol") and current_name(str(old)) == new):
            continue
        name = key.removeprefix("experiment.")
        raise ColliculusError(
            f"{place} belongs to another run, its {name} is {old} and not {new}: resume with the "
            f"settings in its {RUN_FILE}, or choose another --out"
        )
