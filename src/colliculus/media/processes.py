"""Starting processes in which decoders run."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import ModuleType


@contextmanager
def starting() -> Generator[None]:
    """Start processes that neither run the user's script again nor receive Ctrl-C, for the first one ends them."""
    with _without_sigint(), _without_main():
        yield


@contextmanager
def forking() -> Generator[None]:
    """Fork processes that do not receive Ctrl-C, from a process of a single thread."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
def _without_sigint() -> Generator[None]:
    """Start processes with SIGINT blocked: Ctrl-C reaches all processes, and the first one ends the others."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it unblocks SIGINT when it starts, so it must start before the mask is set
    interrupts: list[bool] = []  # a thread outside the mask may receive SIGINT, which must not stop a start half-way
    is_main = threading.current_thread() is threading.main_thread()

    def note(_signal: int, _frame: object) -> None:
        interrupts.append(True)

    handler = signal.signal(signal.SIGINT, note) if is_main else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if is_main:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
    if interrupts:
        raise KeyboardInterrupt
