"""Atomic writing: a file is the old one or the new one, whatever interrupts the program."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path

from colliculus.types import ColliculusError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Numbers of the errors of a full disk."""
TEMPORARY = ".tmp"
"""Suffix of what is still being written. Leftovers with this suffix can be deleted."""


@contextmanager
def atomic_path(target: Path) -> Generator[Path]:
    """Path to build a file or folder at. It becomes `target` when the block succeeds and is deleted when it fails.

    The path lies in a new folder of random name that only this user can enter, so that no link can be planted there.
    Missing folders above `target` are made.

    Raises:
        OSError: `target` cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=TEMPORARY) as folder:
        temporary = Path(folder) / target.name
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)


def write_atomic(path: Path, content: bytes) -> None:
    """Replace `path` by `content` atomically, and make missing folders: a kill leaves the old file or the new one.

    Raises:
        ColliculusError: the file cannot be written.
    """
    with writing(path), atomic_path(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def writing(target: Path) -> Generator[None]:
    """Within, a failure of the disk becomes a sentence about `target`.

    Raises:
        ColliculusError: `target` cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise ColliculusError(
            f"{target} cannot be written ({error.strerror or error}): free some space or choose another folder"
        ) from error


def move(source: Path, target: Path) -> None:
    """Move a file that is durable already to `target` on the same disk: a kill leaves it at one of the two."""
    os.replace(source, target)  # noqa: PTH105 - `source` is complete, unlike that of `atomic_path`
    _sync(target.parent)


def remove_leftovers(folder: Path, names: Collection[str]) -> None:
    """Delete what a killed `write_atomic` or `atomic_path` of targets of these names left in `folder`, if it exists.

    No other process may be writing these names meanwhile.
    """
    written = re.compile(rf"\.({'|'.join(map(re.escape, names))})\.[a-z0-9_]{{8}}{re.escape(TEMPORARY)}")
    for entry in folder.iterdir() if folder.is_dir() else ():
        if written.fullmatch(entry.name) and entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)


def not_following(path: str, flags: int) -> int:
    """Opener for `open` that takes no symbolic link, so that a folder from others cannot choose which file is changed.

    Raises:
        OSError: `path` is a link.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(f"{folder}/log", "ab", opener=not_following) as file:
        ...         file.write(b"begun")
        5
    """
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)  # Windows has no such flag


def _sync(path: Path) -> None:
    """Make a file or the names in a folder durable; Windows cannot open folders for this."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
