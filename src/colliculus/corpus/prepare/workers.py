"""Processes that prepare samples; a decoder that kills its process costs one sample and no other."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol

from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.sample import Sample
from colliculus.media.apart import ATTEMPTS, PATIENCE_S, DecoderError, apart, crashed, late
from colliculus.media.processes import starting
from colliculus.types import ColliculusError

_LOOK_S = 1.0  # interval of the search for processes that hang

Progress = Callable[[int, int], None]
"""Called with the number of finished samples and the number of all samples."""


def silent(_done: int, _total: int) -> None:
    """Report no progress."""


class OpenPlace(Protocol):
    """Preparation or inspection of samples, one after another."""

    def prepare(self, row: int, sample: Sample) -> PreparationResult:
        """Result of a sample; `OSError` if its row cannot be written."""
        ...

    def leave_out(self, row: int, sample: Sample, problem: str) -> PreparationResult:
        """Result of a sample that must not be tried again."""
        ...


class Place(Protocol):
    """Description of the work that every process receives."""

    def open(self) -> AbstractContextManager[OpenPlace]:
        """The place, ready for samples."""
        ...


def num_processes(jobs: int | None) -> int:
    """`jobs`, or as many as there are cores for None.

    Raises:
        ColliculusError: it is negative.
    """
    if jobs is not None and jobs < 0:
        raise ColliculusError(f"`jobs` is {jobs}: use 0 or more processes")
    return (os.cpu_count() or 1) if jobs is None else jobs


def results_of(
    place: Place, samples: Sequence[Sample], rows: Sequence[int], *, jobs: int, patience_s: float = PATIENCE_S
) -> Generator[PreparationResult]:
    """Results of `rows`, in the order in which `jobs` processes finish them; with 0, in this process.

    Each process gets one sample at a time, so that the sample that killed it is known. A sample that killed two
    processes, or exceeded the time limit, is left out. A single process is that of `apart`, which later calls use
    again. In this process a crash in a decoder ends everything.

    Raises:
        ColliculusError: the processes cannot be started.
        OSError: a row cannot be written.
    """
    if not jobs:
        with place.open() as opened:
            yield from (opened.prepare(row, samples[row]) for row in rows)
        return
    if jobs == 1:
        yield from _one_after_another(place, samples, rows, patience_s)
        return
    waiting, deaths = deque(rows), Counter[int]()
    with closing(_Team(place, samples, min(jobs, len(rows)))) as team, place.open() as opened:
        while waiting or team.busy:
            team.give(waiting)
            for row, answer in team.answers(patience_s):
                if isinstance(answer, PreparationResult):
                    yield answer
                    continue
                deaths[row] += 1 if answer.startswith("crashed") else ATTEMPTS
                if deaths[row] < ATTEMPTS:
                    waiting.appendleft(row)
                else:
                    yield opened.leave_out(row, samples[row], f"{files_of(samples[row])} {answer}")


def _one_after_another(
    place: Place, samples: Sequence[Sample], rows: Sequence[int], patience_s: float
) -> Iterator[PreparationResult]:
    for row in rows:
        sample = samples[row]
        try:
            yield apart(files_of(sample), _prepared, place, row, sample, patience_s=patience_s)
        except DecoderError as failure:
            with place.open() as opened:
                yield opened.leave_out(row, sample, str(failure))


def _prepared(place: Place, row: int, sample: Sample) -> PreparationResult:
    with place.open() as opened:
        return opened.prepare(row, sample)


def files_of(sample: Sample) -> str:
    """Files of a sample, for messages."""
    return ", ".join(dict.fromkeys(sample.files.values()))


class _Team:
    """Worker processes; one that ends is replaced."""

    def __init__(self, place: Place, samples: Sequence[Sample], size: int) -> None:
        self._place, self._samples = place, samples
        self._processes: dict[Connection, SpawnProcess] = {}
        self._starting: set[Connection] = set()
        self._at: dict[Connection, tuple[int, float]] = {}  # current row of each process, and when it got the row
        for _ in range(size):
            self._start()

    @property
    def busy(self) -> bool:
        """True if a process is working on a row."""
        return bool(self._at)

    def give(self, waiting: deque[int]) -> None:
        """Give a row to every idle process."""
        for connection in self._processes.keys() - self._starting - self._at.keys():
            if waiting:
                row = waiting.popleft()
                self._at[connection] = row, time.monotonic()
                try:
                    connection.send((row, self._samples[row]))
                except OSError:
                    continue  # it died idle; `answers` will notice

    def answers(self, patience_s: float) -> Iterator[tuple[int, PreparationResult | str]]:
        """Results of finished rows; for rows whose process died or hangs, a description of that."""
        ready = set(wait([*self._at, *self._starting], min(_LOOK_S, patience_s)))
        for connection in self._starting & ready:
            self._welcome(connection)
        for connection, (row, since) in list(self._at.items()):
            if connection in ready:
                del self._at[connection]
                yield row, self._answer(connection)
            elif time.monotonic() - since > patience_s and not connection.poll():
                self._end(connection)
                self._start()
                yield row, late(patience_s)

    def close(self) -> None:
        """End all processes."""
        for connection, process in list(self._processes.items()):
            process.kill()
            self._end(connection)

    def _answer(self, connection: Connection) -> PreparationResult | str:
        try:
            answer: object = connection.recv()
        except (EOFError, OSError):
            code = self._end(connection)
            self._start()
            return crashed(code)
        if isinstance(answer, OSError):
            raise answer
        return answer if isinstance(answer, PreparationResult) else str(answer)

    def _start(self) -> None:
        """Start a process; it reports when it is ready for a row."""
        context = get_context("spawn")  # a fork would copy locks that threads of torch and FFmpeg hold
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(self._place, theirs), daemon=True)
        with starting():
            process.start()
        theirs.close()
        self._processes[ours] = process
        self._starting.add(ours)

    def _welcome(self, connection: Connection) -> None:
        """Receive the report of a new process that it is ready."""
        self._starting.remove(connection)
        try:
            connection.recv()
        except (EOFError, OSError) as error:
            raise ColliculusError("a process to prepare samples in could not be started: lower --jobs") from error

    def _end(self, connection: Connection) -> int:
        """End a process; returns its exit code."""
        process = self._processes.pop(connection)
        self._at.pop(connection, None)
        self._starting.discard(connection)
        connection.close()
        process.join(_LOOK_S)  # if it died by itself, its own exit code says of what
        process.kill()
        process.join()
        return process.exitcode or 0


def _work(place: Place, connection: Connection) -> None:
    """Main function of a worker process: prepare the samples it receives, until the first process closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with place.open() as opened:
        try:
            connection.send(None)
            while True:
                row, sample = connection.recv()
                try:
                    answer = opened.prepare(row, sample)
                except OSError as error:
                    connection.send(error)
                else:
                    connection.send(answer)
        except (EOFError, ConnectionError):
            return
