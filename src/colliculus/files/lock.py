"""One process at a time in a folder. The lock ends with the process that holds it, however that process ends."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from colliculus.types import ColliculusError

LOCK_FILE = ".lock"
"""It stays in the folder, empty: deleting it while another process waits for it would leave two processes unlocked."""


@contextmanager
def locked(folder: Path, busy: str) -> Generator[None]:
    """Hold `folder` for this process; on a file system without locks, only warn.

    Args:
        folder: an existing folder that can be written to.
        busy: what other processes read meanwhile, such as "is being prepared by another process".

    Raises:
        ColliculusError: another process holds it.
        OSError: the lock file cannot be opened.
    """
    lock = FileLock(folder / LOCK_FILE, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ColliculusError(f"{folder} {busy}: wait until it is done, or choose another folder") from error
    except OSError as error:
        if error.filename is not None:  # the file could not be opened; an error of the lock itself names no file
            raise
        warnings.warn(f"{folder} cannot be locked ({error.strerror}): let no other process write to it", stacklevel=3)
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """True if a process holds `folder` now; always False on a file system without locks."""
    if not (folder / LOCK_FILE).exists():
        return False
    try:
        with FileLock(folder / LOCK_FILE, blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False
