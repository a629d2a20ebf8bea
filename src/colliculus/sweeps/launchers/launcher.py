"""The protocol of launchers: start a training somewhere, say how it ended, stop it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from colliculus.sweeps.jobs import Job

POLL_S = 0.2
"""Seconds between two looks at running trainings."""
PATIENCE_S = 60
"""Seconds that a training may take to write its state after it was asked to stop."""


@dataclass(frozen=True)
class Lost:
    """The end of a worker, or of its machine, before its training ended.

    Args:
        reason: words for the user.
    """

    reason: str


class Task(Protocol):
    """A training that was started."""

    def ending(self) -> int | Lost | None:
        """Exit code of the training, or the loss of its worker; None while it runs or waits for a machine."""
        ...

    def stop(self) -> None:
        """Ask the training to write its state and end."""
        ...

    def kill(self) -> None:
        """End the training at once."""
        ...


class Engine(Protocol):
    """A place where trainings run."""

    def start(self, job: Job) -> Task | None:
        """Start a job; None while another process runs it."""
        ...


class Launcher(Protocol):
    """Settings of an engine."""

    def open(self) -> AbstractContextManager[Engine]:
        """The engine, ready for jobs.

        Raises:
            ColliculusError: its package is not installed, or it cannot be reached.
        """
        ...
