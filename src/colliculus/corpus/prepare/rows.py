"""A `.npy` file whose rows several processes write one by one, in any order."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colliculus.types import ColliculusError


@dataclass(frozen=True)
class RowFile:
    """File of the rows of one modality.

    Rows are written by system calls and never through a memory map: on a full disk a call fails with an error, while a
    memory map ends the process.

    Args:
        path: the `.npy` file.
        rows: number of rows.
        shape: shape of a row.
        dtype: type of its numbers.
    """

    path: Path
    rows: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def row_bytes(self) -> int:
        """Length of a row in bytes."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    @property
    def header(self) -> bytes:
        """Bytes before the first row."""
        head = BytesIO()
        shape, descr = (self.rows, *self.shape), self.dtype.newbyteorder("<").str
        kind = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(head, kind)
        return head.getvalue()

    @property
    def file_bytes(self) -> int:
        """Length of the file in bytes."""
        return len(self.header) + self.rows * self.row_bytes

    @property
    def lacking_bytes(self) -> int:
        """Bytes that the disk must still provide; a file with holes occupies less than its length."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return self.file_bytes
        return max(self.file_bytes - getattr(status, "st_blocks", 0) * 512, 0)

    def create(self) -> None:
        """Create the file, or keep the rows of an existing one; rows that were never written read as zeros."""
        with self.path.open("r+b" if self.path.exists() else "w+b", buffering=0) as file:
            _write_all(file.fileno(), self.header, 0)
            file.truncate(self.file_bytes)

    @contextmanager
    def open(self) -> Generator[OpenRows]:
        """The rows, open for reading and writing."""
        with self.path.open("r+b", buffering=0) as file:
            yield OpenRows(self, file.fileno(), len(self.header))

    def memory_map(self) -> NDArray[np.generic]:
        """All rows, (n, ...), read only.

        Raises:
            ColliculusError: the file is missing or has changed.
        """
        try:
            found: NDArray[np.generic] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ColliculusError(f"{self.path} cannot be read ({error}): prepare the data again") from error
        if found.shape != (self.rows, *self.shape) or found.dtype != self.dtype.newbyteorder("<"):
            raise ColliculusError(
                f"{self.path} holds {found.shape} {found.dtype} and was prepared as {(self.rows, *self.shape)}"
                f" {self.dtype}: prepare the data again"
            )
        return found.view(np.ndarray)


@dataclass(frozen=True)
class OpenRows:
    """Rows of an open file."""

    file: RowFile
    handle: int
    offset: int

    def read(self, row: int) -> bytes:
        """The bytes of a row."""
        os.lseek(self.handle, self._place(row), os.SEEK_SET)
        parts: list[bytes] = []
        while (length := self.file.row_bytes - sum(map(len, parts))) and (part := os.read(self.handle, length)):
            parts.append(part)
        return b"".join(parts)

    def write(self, row: int, content: bytes) -> None:
        """Replace a row.

        Raises:
            OSError: the disk is full or fails.
        """
        _write_all(self.handle, content, self._place(row))

    def clear(self, row: int) -> None:
        """Set a row to zeros; a row that was never written stays a hole and occupies no disk space."""
        if any(self.read(row)):
            self.write(row, bytes(self.file.row_bytes))

    def _place(self, row: int) -> int:
        return self.offset + row * self.file.row_bytes


def _write_all(handle: int, content: bytes, offset: int) -> None:
    """Write all of `content`: `os.pwrite` may write a part and report a full disk only in the next call."""
    rest = memoryview(content)
    while rest:
        if hasattr(os, "pwrite"):
            written = os.pwrite(handle, rest, offset)
        else:  # Windows; each process has its own handle and so its own position
            os.lseek(handle, offset, os.SEEK_SET)
            written = os.write(handle, rest)
        rest, offset = rest[written:], offset + written
