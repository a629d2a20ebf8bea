"""One process at a time in a folder; the lock goes with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from colliculus.types import ColliculusError

LOCK_FILE = ".lock"
"""It stays there, empty: a file that is removed while another process waits for it would lock nothing."""
_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES}  # any other: the disk knows no locks, as some of a network


@contextmanager
def locked(folder: Path, busy: str) -> Generator[None]:
    """Hold `folder` for this process; on a disk that knows no locks, only warn.

    Args:
        folder: is there, and can be written into.
        busy: what a process is told that comes meanwhile, such as "is being prepared by another process".

    Raises:
        ColliculusError: another process holds it.
    """
    with (folder / LOCK_FILE).open("ab") as file:
        try:
            free = take(file)
        except OSError as error:
            free = True
            warnings.warn(
                f"{folder} cannot be locked ({error.strerror}): let no other process write into it", stacklevel=3
            )
        if not free:
            raise ColliculusError(f"{folder} {busy}: wait until it is done, or choose another folder")
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process holds `folder` now; never on a disk that knows no locks."""
    try:
        with (folder / LOCK_FILE).open("r+b") as file:
            return not take(file)
    except OSError:
        return False


def take(file: IO[bytes]) -> bool:
    """Lock an open file for as long as somebody has it open, a process that inherits it too.

    Returns:
        Whether it is ours; otherwise another process has it.

    Raises:
        OSError: the disk knows no locks.
    """
    try:
        _lock(file)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
