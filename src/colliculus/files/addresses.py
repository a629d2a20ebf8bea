"""Folders that are not on this machine: addresses such as s3://bucket/folder, read by fsspec."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from colliculus.files.atomic import FULL, atomic_path, writing
from colliculus.files.checks import file_digest
from colliculus.types import ColliculusError

_ADDRESS = re.compile(r"(?P<protocol>[a-z][a-z0-9+.-]+):/{1,2}(?P<rest>[^/].*?)/*")  # a drive has one letter


def address_of(path: Path | str) -> str | None:
    """The address that a path states; None for one on the disk. `Path` makes one of its two slashes.

    Example:
        >>> address_of(Path("s3://bucket/clips/")), address_of("data/clips")
        ('s3://bucket/clips', None)
    """
    found = _ADDRESS.fullmatch(path if isinstance(path, str) else path.as_posix())
    return f"{found['protocol']}://{found['rest']}" if found else None


def from_anywhere(path: Path) -> str:
    """A path that means the same in any folder: an address as it is, else the absolute path.

    Example:
        >>> from_anywhere(Path("gs://bucket/clips"))
        'gs://bucket/clips'
    """
    return address_of(path) or str(path.absolute())


class RemoteFolder:
    """A folder at an address.

    Args:
        address: address that fsspec knows, such as s3://bucket/folder, gs://bucket/folder or https://host/folder.

    Raises:
        ColliculusError: the protocol is unknown, or its package is missing.

    Example:
        >>> import fsspec
        >>> fsspec.filesystem("memory").pipe("/shelf/note.txt", b"here")
        >>> RemoteFolder("memory://shelf").read("note.txt")
        b'here'
    """

    def __init__(self, address: str) -> None:
        self.address = address
        fsspec: Any = import_module("fsspec.core")
        try:
            self._system, self._path = fsspec.url_to_fs(address)
        except ImportError as error:
            raise ColliculusError(f"{address} needs another package ({error}): install it with pip") from error
        except Exception as error:  # each protocol has errors of its own
            raise ColliculusError(f"{address} cannot be opened ({_first_line(error)}): check the address") from error

    def read(self, name: str) -> bytes:
        """The content of a small file.

        Raises:
            ColliculusError: it is absent or cannot be read.
        """
        with self._reading(name):
            return self._system.cat_file(self._place(name))

    def fetch(self, name: str, target: Path, *, sha256: str = "", size: int | None = None) -> None:
        """Copy a file to `target`, which appears when it is whole; an existing `target` is left as it is.

        Args:
            name: its name in the folder.
            target: path of the copy.
            sha256: its digest; "": it is not known.
            size: its length in bytes; None: it is not known.

        Raises:
            ColliculusError: the file cannot be read or is another one, or the disk is full.
        """
        if target.exists():
            return
        with writing(target), atomic_path(target) as temporary:
            with self._reading(name):
                self._system.get_file(self._place(name), str(temporary))
            if (size is not None and temporary.stat().st_size != size) or (sha256 and file_digest(temporary) != sha256):
                raise ColliculusError(
                    f"{self.address}/{name} is not the file that was prepared, its digest or length differs: copy the"
                    " prepared folder there again"
                )

    def _place(self, name: str) -> str:
        return f"{self._path}/{name}"

    @contextmanager
    def _reading(self, name: str) -> Generator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ColliculusError(f"{self.address} has no {name}: check the address") from error
        except Exception as error:  # a network has more errors than fsspec documents
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            raise ColliculusError(
                f"{self.address}/{name} cannot be read ({_first_line(error)}): check the connection and your access,"
                " and start again"
            ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
