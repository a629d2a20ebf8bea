"""File checks before decoding; errors name the file."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from colliculus.types import ColliculusError

SPLITS = ("train", "validation", "test")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_POINTER = b"version https://git-lfs"


def check_file(path: Path) -> None:
    """Check that a file can hold data.

    Raises:
        ColliculusError: `path` is absent, not a file, empty, unreadable, or a pointer of git-lfs to a file that was not
            fetched.
    """
    try:
        if not path.is_file():
            raise ColliculusError(f"{path} is not a file: check its name")
        with path.open("rb") as file:
            head = file.read(len(_POINTER))
    except OSError as error:
        raise ColliculusError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    if not head:
        raise ColliculusError(f"{path} is empty (0 bytes): copy or download it again")
    if head == _POINTER:
        raise ColliculusError(f"{path} is a git-lfs pointer, not the file itself: run `git lfs pull` in its repository")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, which may be larger than the memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_pointer(path: Path) -> bool:
    """True if `path` is a pointer of git-lfs to a file that was not fetched."""
    try:
        with path.open("rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


@contextmanager
def decoding(path: Path, remedy: str = "copy or download it again") -> Generator[None]:
    """Check a file before its decoder runs, and name the file in any error of the decoder.

    Raises:
        ColliculusError: as in `check_file`, or in place of any error of the decoder.
    """
    check_file(path)
    try:
        yield
    except ColliculusError:
        raise
    except Exception as error:  # on damaged bytes FFmpeg, Pillow and NumPy raise more kinds than they document
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ColliculusError(f"{path} cannot be decoded ({reason}): {remedy}") from error


def visible(folder: Path, root: Path) -> list[Path]:
    """Entries of `folder` sorted by name, without hidden ones.

    Raises:
        ColliculusError: `folder` cannot be listed, an entry has control characters in its name, or it is a symbolic
            link that leads out of `root` (a data set from others must not choose which of your other files are read).
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise ColliculusError(f"{folder} cannot be listed ({error.strerror}): pass a readable folder") from error
    if odd := [entry for entry in entries if _CONTROL.search(entry.name)]:
        raise ColliculusError(f"{odd[0]} has control characters in its name: rename it")
    home = os.path.realpath(root)
    for entry in entries:
        if not Path(os.path.realpath(entry)).is_relative_to(home):
            raise ColliculusError(f"{entry} is a link that leaves {root}: replace it by the file it points to")
    return entries


def refuse_links(folder: Path) -> None:
    """Check that nothing in `folder` is a symbolic link: a program that writes there would change another file.

    Raises:
        ColliculusError: something is; `folder` itself may be one.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if (entry := Path(place, name)).is_symlink():
                raise ColliculusError(
                    f"{entry} is a symbolic link, which could lead a program to other files: remove it, or replace it"
                    " by what it points to if you trust the folder"
                )


def dataset_root(root: Path | None) -> Path:
    """`root`, after a check that it is given and is a folder.

    Raises:
        ColliculusError: no root was given, or it is not a folder.
    """
    if root is None:
        raise ColliculusError("no data folder given: pass --data.root ROOT")
    if not root.is_dir():
        raise ColliculusError(f"{root} is not a folder: pass the folder of your data as --data.root")
    return root


def split_folders(root: Path) -> dict[str, Path]:
    """The folders `train`, `test` and, if present, `validation` in `root`.

    Raises:
        ColliculusError: train or test is missing, or there is a folder of another name.
    """
    folders = {entry.name: entry for entry in visible(root, root) if entry.is_dir()}
    if missing := [name for name in ("train", "test") if name not in folders]:
        raise ColliculusError(f"{root} has no folder {missing[0]!r}: put those samples into {root / missing[0]}")
    if unknown := sorted(set(folders) - set(SPLITS)):
        raise ColliculusError(f"{folders[unknown[0]]} is not a split: rename it to one of {', '.join(SPLITS)}")
    return {name: folders[name] for name in SPLITS if name in folders}
