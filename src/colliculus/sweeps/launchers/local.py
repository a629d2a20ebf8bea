"""Trainings as processes on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colliculus.sweeps.jobs import Job


@dataclass(frozen=True, kw_only=True)
class Local:
    """Processes on this machine.

    Example:
        >>> with Local().open() as engine:
        ...     engine
        Local()
    """

    @contextmanager
    def open(self) -> Generator[Local]:
        """This machine, which is always ready."""
        yield self

    def start(self, job: Job) -> Process | None:
        """Start a job in a process of its own."""
        from colliculus.sweeps.launchers.order import Order

        process = Order.of(job).begin()
        return None if process is None else Process(process)


@dataclass(frozen=True)
class Process:
    """A training in a process of this machine."""

    process: subprocess.Popen[bytes]

    def ending(self) -> int | None:
        """Exit code; negative after a signal."""
        return self.process.poll()

    def stop(self) -> None:
        """Send SIGTERM."""
        self.process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()
        self.process.wait()
