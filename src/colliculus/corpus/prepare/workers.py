"""Several processes that prepare samples; what kills one of them costs the sample it was at, and no other."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import ModuleType
from typing import Protocol

import torch

from colliculus.corpus.prepare.sample import Outcome
from colliculus.corpus.source import Source
from colliculus.types import ColliculusError

PATIENCE_S = 600.0
"""Time that a decoder may take over one sample; what takes longer hangs, and is left out."""
_ATTEMPTS = 2  # a process may also be killed for what its neighbours did (by the kernel, where memory ran out)
_LOOK_S = 1.0  # how often to look for a process that hangs


class OpenPlace(Protocol):
    """Where samples are prepared, or only looked at, one after another."""

    def prepare(self, row: int, source: Source) -> Outcome:
        """What becomes of a sample; `OSError` where its row cannot be written."""
        ...

    def leave_out(self, row: int, source: Source, problem: str) -> Outcome:
        """What becomes of a sample that no attempt should be made at again."""
        ...


class Place(Protocol):
    """What every process is given of a work."""

    def open(self) -> AbstractContextManager[OpenPlace]:
        """The place, ready for samples."""
        ...


def in_this_process(place: Place, sources: Sequence[Source], rows: Sequence[int]) -> Generator[Outcome]:
    """The outcomes of `rows`, in order; a decoder that crashes takes everything with it.

    Raises:
        OSError: a row cannot be written.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the other processes have: the last digit of a sum may hang on it
    try:
        with place.open() as opened:
            for row in rows:
                yield opened.prepare(row, sources[row])
    finally:
        torch.set_num_threads(threads)


def in_processes(
    place: Place, sources: Sequence[Source], rows: Sequence[int], *, jobs: int, patience_s: float = PATIENCE_S
) -> Generator[Outcome]:
    """The outcomes of `rows`, in the order in which `jobs` processes come to them.

    Each process is given one sample after another, so that it is known which one it died of. A sample that two
    processes died of, or that one hangs at, is left out.

    Raises:
        ColliculusError: the processes cannot be started.
        OSError: a row cannot be written.
    """
    waiting, deaths = deque(rows), Counter[int]()
    with closing(_Team(place, sources, min(jobs, len(rows)))) as team, place.open() as opened:
        while waiting or team.busy:
            team.give(waiting)
            for row, answer in team.answers(patience_s):
                if isinstance(answer, Outcome):
                    yield answer
                    continue
                deaths[row] += 1 if answer.startswith("crashed") else _ATTEMPTS
                if deaths[row] < _ATTEMPTS:
                    waiting.appendleft(row)
                else:
                    files = ", ".join(dict.fromkeys(sources[row].files.values()))
                    yield opened.leave_out(row, sources[row], f"{files} {answer}")


class _Team:
    """The processes; one that ends is replaced."""

    def __init__(self, place: Place, sources: Sequence[Source], size: int) -> None:
        self._place, self._sources = place, sources
        self._processes: dict[Connection, SpawnProcess] = {}
        self._starting: set[Connection] = set()
        self._at: dict[Connection, tuple[int, float]] = {}  # the row that each one is at, and since when
        for _ in range(size):
            self._hire()

    @property
    def busy(self) -> bool:
        """Whether one of them is at a row."""
        return bool(self._at)

    def give(self, waiting: deque[int]) -> None:
        """Give every idle one a row."""
        for connection in self._processes.keys() - self._starting - self._at.keys():
            if waiting:
                row = waiting.popleft()
                self._at[connection] = row, time.monotonic()
                try:
                    connection.send((row, self._sources[row]))
                except OSError:
                    continue  # it died idle, which shows when it is asked for its answer

    def answers(self, patience_s: float) -> Iterator[tuple[int, Outcome | str]]:
        """Of rows that are done, the outcome; of rows that a process died of or hangs at, what it did.

        Raises:
            ColliculusError: a process could not be started.
            OSError: a row cannot be written.
        """
        ready = set(wait([*self._at, *self._starting], min(_LOOK_S, patience_s)))
        for connection in self._starting & ready:
            self._welcome(connection)
        for connection, (row, since) in list(self._at.items()):
            if connection in ready:
                del self._at[connection]
                yield row, self._answer(connection)
            elif time.monotonic() - since > patience_s and not connection.poll():
                self._dismiss(connection)
                self._hire()
                yield row, f"was not decoded within {patience_s:g} s: copy or download it again"

    def close(self) -> None:
        """End them all."""
        for connection, process in list(self._processes.items()):
            process.kill()
            self._dismiss(connection)

    def _answer(self, connection: Connection) -> Outcome | str:
        try:
            answer: object = connection.recv()
        except (EOFError, OSError):
            code = self._dismiss(connection)
            self._hire()
            return f"crashed its decoder ({f'signal {-code}' if code < 0 else f'exit code {code}'}): leave it out"
        if isinstance(answer, OSError):
            raise answer
        return answer if isinstance(answer, Outcome) else str(answer)

    def _hire(self) -> None:
        """Start a process; it says when it can be given a row."""
        context = get_context("spawn")  # a fork would copy the locks that torch's and FFmpeg's threads hold
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(self._place, theirs), daemon=True)
        with _deaf(), _without_main():
            process.start()
        theirs.close()
        self._processes[ours] = process
        self._starting.add(ours)

    def _welcome(self, connection: Connection) -> None:
        """Hear what a new one says."""
        self._starting.remove(connection)
        try:
            connection.recv()
        except (EOFError, OSError) as error:
            raise ColliculusError("a process to prepare samples in could not be started: lower --jobs") from error

    def _dismiss(self, connection: Connection) -> int:
        """End one; its exit code."""
        process = self._processes.pop(connection)
        self._at.pop(connection, None)
        self._starting.discard(connection)
        connection.close()
        process.join(_LOOK_S)  # one that died by itself should tell of what
        process.kill()
        process.join()
        return process.exitcode or 0


@contextmanager
def _without_main() -> Generator[None]:
    """Start processes that do not run the user's script again, which need not be guarded by `__name__`."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _deaf() -> Generator[None]:
    """What is started meanwhile never hears of Ctrl-C, which reaches all; the first process ends the others."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it unblocks Ctrl-C when it starts, which the first process would make it do
    heard: list[bool] = []  # a thread that the mask does not cover may hear it, and the first process must not stop
    ours = threading.current_thread() is threading.main_thread()  # half-way through a start

    def hear(_signal: int, _frame: object) -> None:
        heard.append(True)

    handler = signal.signal(signal.SIGINT, hear) if ours else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if ours:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
    if heard:
        raise KeyboardInterrupt


def _work(place: Place, connection: Connection) -> None:
    """What a process does: prepare the samples that it is given, until there is nobody to give it any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    with place.open() as opened:
        try:
            connection.send(None)
            while True:
                row, source = connection.recv()
                try:
                    answer = opened.prepare(row, source)
                except OSError as error:
                    connection.send(error)
                else:
                    connection.send(answer)
        except (EOFError, ConnectionError):
            return
