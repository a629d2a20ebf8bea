"""Decoding in a process of its own: a decoder that crashes or hangs costs one call and a sentence."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from colliculus.media.notes import collected_notes, note_again
from colliculus.media.processes import forking, starting
from colliculus.types import ColliculusError

PATIENCE_S = 600.0
"""Time limit of a decoder for one sample; a sample that takes longer is left out."""
ATTEMPTS = 2
"""How often a crash is tried: the kernel may also kill a process because its neighbours used up the memory."""
_END_S = 1.0

ResultT = TypeVar("ResultT")


class DecoderError(ColliculusError):
    """A decoder crashed or took too long."""


def apart(subject: str, function: Callable[..., ResultT], *arguments: Any, patience_s: float = PATIENCE_S) -> ResultT:
    """Result of `function(*arguments)`, computed in a process that later calls use again.

    Notes of the call are notes of the caller. In a daemonic process, which must not start others, and for a function
    that another process cannot import, it is computed here.

    Args:
        subject: names of the files that are decoded, for the message.
        function: function that can be pickled, as its arguments and its result.
        arguments: its arguments.
        patience_s: time limit.

    Raises:
        DecoderError: the function crashed its process twice, or took too long.
        Exception: whatever the function raises.

    Example:
        >>> from colliculus.media.kinds import kind_of
        >>> from pathlib import Path
        >>> apart("a.mts", kind_of, Path("a.mts"))
        'container'
    """
    if current_process().daemon:
        return function(*arguments)
    with _lock:
        answer = _asked(subject, (_folder(), function, arguments), patience_s)
    if answer.unknown:
        return function(*arguments)
    note_again(answer.notes)
    if answer.error is not None:
        raise answer.error
    return answer.result


def crashed(exit_code: int) -> str:
    """How a decoder crashed, by the exit code of its process, and what to do."""
    how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    return f"crashed its decoder ({how}): leave it out"


def late(patience_s: float) -> str:
    """How long a decoder took, and what to do."""
    return f"was not decoded within {patience_s:g} s: copy or download it again"


@dataclass(frozen=True)
class _Answer:
    """Result or error of a call; `unknown` if the process cannot import the function."""

    result: Any = None
    error: Exception | None = None
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    unknown: bool = False


def start_early() -> None:
    """Start the process now if it can be forked, which takes no time and no imports; else the first call starts it.

    A fork copies the locks of other threads (of torch, of FFmpeg) as they are held: only a process of a single thread
    is forked.
    """
    if _is_single_thread() and not current_process().daemon:
        with _lock:
            _helper()


class _Helper:
    """The process of this one."""

    def __init__(self) -> None:
        forked = _is_single_thread()
        context: Any = get_context("fork" if forked else "spawn")  # their base has no type with a `Process`
        self.owner = os.getpid()
        self.connection, theirs = context.Pipe()
        # a fork has the other end of its pipe too, and would never see that it is closed
        arguments = (theirs, self.connection) if forked else (theirs,)
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        with forking() if forked else starting():
            self.process.start()
        theirs.close()

    def ask(self, call: object, patience_s: float) -> _Answer:
        """Answer to a call; the process has ended after any error."""
        try:
            self.connection.send(call)
            if not self.connection.poll(patience_s):
                raise TimeoutError
            answer: _Answer = self.connection.recv()
        except BaseException:  # an interrupt, too: its answer would be taken for that to the next call
            self.end()
            raise
        return answer

    def end(self) -> None:
        """End the process; `process.exitcode` says of what it died if it did so by itself."""
        self.connection.close()
        self.process.join(_END_S)
        self.process.kill()
        self.process.join()


_lock = threading.Lock()
_helpers: list[_Helper] = []  # at most one


def _asked(subject: str, call: object, patience_s: float) -> _Answer:
    exit_code = 0
    for _ in range(ATTEMPTS):
        helper = _helper()
        try:
            return helper.ask(call, patience_s)
        except TimeoutError as error:
            raise DecoderError(f"{subject} {late(patience_s)}") from error
        except (EOFError, ConnectionError):
            exit_code = helper.process.exitcode or 0
    raise DecoderError(f"{subject} {crashed(exit_code)}")


def _helper() -> _Helper:
    """The helper of this process, started if there is none; a fork does not inherit that of its parent."""
    usable = [h for h in _helpers if h.owner == os.getpid() and not h.connection.closed and h.process.is_alive()]
    _helpers[:] = usable or [_Helper()]
    return _helpers[0]


def _is_single_thread() -> bool:
    """True where the system can say that this process has one thread, those of libraries included."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - names of the system's own
    except OSError:
        return False


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a text, for another process
    except OSError:
        return ""


def _serve(connection: Connection, other_end: Connection | None = None) -> None:
    """Main function of the process: answer calls until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if other_end is not None:
        other_end.close()
    with suppress(EOFError, ConnectionError):
        while True:
            try:
                call = connection.recv()
            except (AttributeError, ImportError):
                connection.send(_Answer(unknown=True))
            else:
                connection.send(_answered(*call))


def _answered(folder: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> _Answer:
    with collected_notes() as notes:
        try:
            if folder:
                os.chdir(folder)
            return _Answer(function(*arguments), notes=notes)
        except Exception as error:  # noqa: BLE001 - the caller gets it
            # an exception of another package may not survive the way
            known = type(error).__module__ in ("builtins", ColliculusError.__module__)
            return _Answer(error=error if known else RuntimeError(f"{type(error).__name__}: {error}"), notes=notes)
