"""Files that are either the old ones or the new ones, whatever happens meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

from colliculus.types import ColliculusError

TEMPORARY = ".tmp"
"""Ending of a file that is still being written; whoever finds one may take it for litter."""


def write_atomic(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one go: a kill at any moment leaves the old file or the new one, never a part.

    Args:
        path: file to write; its folder is made when absent.
        content: all of it.

    Raises:
        ColliculusError: the file cannot be written.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ColliculusError(
            f"{path} cannot be written ({error.strerror}): free space or choose another --out"
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make the new name as durable as the content; Windows has no handle of a folder to do it with."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
