"""One preparation at a time in a folder; the lock goes with the process that holds it, however that ends."""

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
def locked(folder: Path) -> Generator[None]:
    """Hold `folder` for this process; on a disk that knows no locks, only warn.

    Raises:
        ColliculusError: another process holds it.
    """
    with (folder / LOCK_FILE).open("ab") as file:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _HELD:
                raise ColliculusError(
                    f"{folder} is being prepared by another process: wait until it is done, or choose another folder"
                ) from error
            warnings.warn(
                f"{folder} cannot be locked ({error.strerror}): let no other process prepare into it", stacklevel=3
            )
        yield


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
