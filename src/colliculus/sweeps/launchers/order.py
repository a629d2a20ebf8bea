"""A training as an order that any machine with the same folders can carry out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from colliculus.files.atomic import not_following
from colliculus.files.lock import is_locked
from colliculus.runs.result import read_result
from colliculus.sweeps.jobs import Job, log_of
from colliculus.sweeps.launchers.launcher import PATIENCE_S, POLL_S

_LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, kw_only=True)
class Order:
    """Everything that a machine needs to carry out a job.

    Args:
        command: program with its arguments.
        folder: run folder, absolute.
        directory: working directory, from which relative paths count.
        threads: OMP_NUM_THREADS of the training.
    """

    command: tuple[str, ...]
    folder: Path
    directory: Path
    threads: str

    @classmethod
    def of(cls, job: Job, threads: int = 1) -> Order:
        """The order for a job; the user's OMP_NUM_THREADS goes before `threads`."""
        return cls(
            command=tuple(job.command),
            folder=job.folder.absolute(),
            directory=Path.cwd(),
            threads=os.environ.get("OMP_NUM_THREADS", str(threads)),
        )

    @property
    def is_done(self) -> bool:
        """True when the training is finished."""
        return read_result(self.folder) is not None

    def in_hand(self) -> bool:
        """True while a process trains in the folder, as far as the file system has locks."""
        with self._open_log() as log:
            return self._taken(log)

    def begin(self) -> subprocess.Popen[bytes] | None:
        """Start the training as a process of this one, with which it ends; None if it is done or in hand.

        A training locks its run folder; before that, a job that another sweep has started holds the lock of its log.
        """
        with self._open_log() as log:
            if self._taken(log) or self.is_done:
                return None
            return subprocess.Popen(
                _leashed(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={**os.environ, "OMP_NUM_THREADS": self.threads},
                start_new_session=True,  # Ctrl-C reaches it once, through the launcher
            )

    def carry_out(self) -> int:
        """Train to the end, on the machine of a cluster; returns the exit code.

        A training in the same folder is waited for: after the loss of a worker it may need a moment to end.
        """
        while (process := self.begin()) is None:
            if self.is_done:
                return 0
            time.sleep(POLL_S)
        try:
            while process.poll() is None:
                time.sleep(POLL_S)  # an interrupt is noticed between two looks, and never during `wait`
            return process.returncode
        finally:
            end_process(process)

    def _open_log(self) -> IO[bytes]:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        return open(log_of(self.folder), "ab", opener=not_following)

    def _taken(self, log: IO[bytes]) -> bool:
        return not _is_ours(log) or is_locked(self.folder)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Ask a training to write its state and end; kill it if that takes too long."""
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _leashed(command: tuple[str, ...]) -> list[str]:
    """The command, which on Linux also ends when this process is killed."""
    if sys.platform != "linux":
        return [*command]
    return [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command]


def _is_ours(log: IO[bytes]) -> bool:
    """Lock the log for as long as this process or the job, which inherits it, has it open; False if another has."""
    if sys.platform == "win32":  # a job cannot write to a locked file there
        return True
    import fcntl

    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return True
