"""What is asked of every file before a reader opens it, so that the user hears of the file and not of its bytes."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from colliculus.types import ColliculusError

SPLITS = ("train", "validation", "test")
_POINTER = b"version https://git-lfs"


def check_file(path: Path) -> None:
    """Refuse what cannot hold data.

    Raises:
        ColliculusError: `path` does not exist, is no file, is empty, cannot be read, or is the pointer that git-lfs
            leaves where a file was not fetched.
    """
    try:
        if not path.is_file():
            raise ColliculusError(f"{path} is no file: check its name")
        with path.open("rb") as file:
            head = file.read(len(_POINTER))
    except OSError as error:
        raise ColliculusError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    if not head:
        raise ColliculusError(f"{path} is empty (0 bytes): copy or download it again")
    if head == _POINTER:
        raise ColliculusError(f"{path} is a git-lfs pointer, not the file itself: run `git lfs pull` in its repository")


def is_pointer(path: Path) -> bool:
    """Whether `path` is the pointer that git-lfs leaves where a file was not fetched."""
    try:
        with path.open("rb") as file:
            return file.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


@contextmanager
def decoding(path: Path, mend: str = "copy or download it again") -> Generator[None]:
    """Check the file, and name it whatever a decoder then says of its bytes.

    Raises:
        ColliculusError: as `check_file`, or in place of any error of the decoder.
    """
    check_file(path)
    try:
        yield
    except ColliculusError:
        raise
    except Exception as error:  # on damaged bytes FFmpeg, Pillow and NumPy raise more kinds than they document
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ColliculusError(f"{path} cannot be decoded ({reason}): {mend}") from error


def visible(folder: Path, root: Path) -> list[Path]:
    """What lies in `folder`, sorted by name, hidden entries left out.

    Raises:
        ColliculusError: `folder` cannot be listed, or an entry is a symbolic link that leads out of `root` (whoever
            gives you a data set should not choose which of your other files are read).
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise ColliculusError(f"{folder} cannot be listed ({error.strerror}): name a readable folder") from error
    home = os.path.realpath(root)
    for entry in entries:
        if not Path(os.path.realpath(entry)).is_relative_to(home):
            raise ColliculusError(f"{entry} is a link that leaves {root}: put what it points to in its place")
    return entries


def dataset_root(root: Path | None) -> Path:
    """`root`, if the user named one and it is a folder.

    Raises:
        ColliculusError: no root was given, or it is no folder.
    """
    if root is None:
        raise ColliculusError("where your data lie is not known: name their folder with --data.root ROOT")
    if not root.is_dir():
        raise ColliculusError(f"{root} is no folder: give --data.root the one that holds your data")
    return root


def split_folders(root: Path) -> dict[str, Path]:
    """The folders `train`, `test` and, where there is one, `validation` of `root`.

    Raises:
        ColliculusError: train or test is missing, or a folder of another name stands beside them.
    """
    folders = {entry.name: entry for entry in visible(root, root) if entry.is_dir()}
    if missing := [name for name in ("train", "test") if name not in folders]:
        raise ColliculusError(f"{root} has no folder {missing[0]!r}: put those samples into {root / missing[0]}")
    if unknown := sorted(set(folders) - set(SPLITS)):
        raise ColliculusError(f"{folders[unknown[0]]} is no part of a data set: name it one of {', '.join(SPLITS)}")
    return {name: folders[name] for name in SPLITS if name in folders}
