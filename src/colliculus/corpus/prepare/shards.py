"""Rows of one modality in one `.npy` file, or in several of which none is larger than a stated size."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.rows import OpenRows, RowFile
from colliculus.types import ColliculusError

SHARD_GB = 2.0
"""Size in GB (10^9 bytes) that no file of arrays exceeds, unless another one is asked for."""
_HEADER = 256
"""Bytes that are kept free for the header of a file; it has 128 where a shape is short."""


def rows_per_file(name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic], gigabytes: float) -> int:
    """Number of rows of `shape` that a file of at most so many GB (10^9 bytes) holds.

    Raises:
        ColliculusError: not even one.

    Example:
        >>> rows_per_file("visual", (3, 128, 128), np.dtype(np.uint8), 0.5)
        10172
    """
    row_bytes = int(np.prod(shape)) * dtype.itemsize
    rows = (int(gigabytes * 1e9) - _HEADER) // row_bytes
    if rows < 1:
        raise ColliculusError(
            f"a file of {gigabytes:g} GB holds no row of {name!r}, which has {row_bytes / 1e9:.3g} GB: raise `shard_gb`"
        )
    return rows


@dataclass(frozen=True)
class RowFiles:
    """Files of the rows of one modality.

    Args:
        path: the `.npy` file; of several, `path` with a number before its ending ("audio.00000.npy").
        rows: number of rows.
        shape: shape of a row.
        dtype: type of its numbers.
        each: rows of a file; the last one may have fewer. None: there is one file.

    Example:
        >>> files = RowFiles(Path("audio.npy"), 5, (1, 8, 8), np.dtype(np.float32), each=2)
        >>> [(file.path.name, file.rows) for file in files.files]
        [('audio.00000.npy', 2), ('audio.00001.npy', 2), ('audio.00002.npy', 1)]
    """

    path: Path
    rows: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    each: int | None = None

    @property
    def files(self) -> tuple[RowFile, ...]:
        """The files, in the order of their rows."""
        if self.each is None:
            return (RowFile(self.path, self.rows, self.shape, self.dtype),)
        begins = range(0, self.rows, self.each)
        paths = (self.path.with_suffix(f".{number:05}{self.path.suffix}") for number in range(len(begins)))
        return tuple(
            RowFile(path, min(self.each, self.rows - begin), self.shape, self.dtype)
            for path, begin in zip(paths, begins, strict=True)
        )

    @property
    def lacking_bytes(self) -> int:
        """Bytes that the disk must still provide."""
        return sum(file.lacking_bytes for file in self.files)

    def create(self) -> None:
        """Create the files, or keep the rows of existing ones; rows that were never written read as zeros."""
        for file in self.files:
            file.create()

    @contextmanager
    def open(self) -> Generator[OpenRowFiles]:
        """The rows, open for reading and writing."""
        with ExitStack() as stack:
            yield OpenRowFiles(self.files, self.each or self.rows, stack)

    def memory_map(self) -> NDArray[np.generic] | ShardedArray:
        """All rows, (n, ...), read only.

        Raises:
            ColliculusError: a file is missing or has changed.
        """
        maps = [file.memory_map() for file in self.files]
        return maps[0] if self.each is None else ShardedArray(maps, self.each)


class OpenRowFiles:
    """Rows of files, of which one is open at a time: rows come in order, or nearly so.

    Args:
        files: the files.
        each: rows of each but the last.
        stack: closes the last one.
    """

    def __init__(self, files: Sequence[RowFile], each: int, stack: ExitStack) -> None:
        self._files, self._each, self._stack = files, each, stack
        self._number, self._rows = -1, None

    def read(self, row: int) -> bytes:
        """The bytes of a row."""
        return self._of(row).read(row % self._each)

    def write(self, row: int, content: bytes) -> None:
        """Replace a row.

        Raises:
            OSError: the disk is full or fails.
        """
        self._of(row).write(row % self._each, content)

    def clear(self, row: int) -> None:
        """Set a row to zeros; a row that was never written stays a hole and occupies no disk space."""
        self._of(row).clear(row % self._each)

    def _of(self, row: int) -> OpenRows:
        number = row // self._each
        if self._rows is None or number != self._number:
            self._stack.close()
            self._number, self._rows = number, self._stack.enter_context(self._files[number].open())
        return self._rows


@dataclass(frozen=True, eq=False)
class ShardedArray:
    """Rows of several arrays as those of one, (n, ...), copied out when they are asked for.

    Args:
        parts: (each, ...) arrays; the last one may have fewer rows.
        each: rows of each but the last.

    Example:
        >>> array = ShardedArray([np.array([[0], [1]]), np.array([[2], [3]]), np.array([[4]])], 2)
        >>> array.shape, array[3].tolist(), array[np.array([4, 0, 3])].tolist()
        ((5, 1), [3], [[4], [0], [3]])
    """

    parts: Sequence[NDArray[np.generic]]
    each: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (n, ...)."""
        return (sum(map(len, self.parts)), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the numbers."""
        return self.parts[0].dtype

    def __getitem__(self, rows: int | np.integer | NDArray[np.int64]) -> NDArray[np.generic]:
        """Copies of rows, in that order, (k, ...); or one row, (...).

        Raises:
            IndexError: there is no such row.
        """
        if np.any(np.less(rows, 0)):
            raise IndexError("rows are counted from 0")
        number, place = np.divmod(rows, self.each)
        if not isinstance(rows, np.ndarray):
            return self.parts[int(number)][int(place)].copy()
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for part in np.unique(number):
            here = number == part
            found[here] = self.parts[part][place[here]]
        return found
