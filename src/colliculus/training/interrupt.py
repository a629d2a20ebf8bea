"""Interrupts of a training: Ctrl-C, SIGTERM and SIGHUP end it in the same way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from types import FrameType


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP ended a training; its sentence says how to go on."""


@contextmanager
def signals_as_interrupt() -> Generator[None]:
    """Within, SIGTERM and SIGHUP (a closed terminal) raise KeyboardInterrupt, as Ctrl-C does.

    A signal that is ignored stays so: `nohup` ignores SIGHUP.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with ExitStack() as before:
        for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
            number = getattr(signal, name, None)
            if number is not None and (previous := signal.getsignal(number)) is not signal.SIG_IGN:
                signal.signal(number, interrupt)
                before.callback(signal.signal, number, previous)
        yield
