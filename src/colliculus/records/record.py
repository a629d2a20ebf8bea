"""The base of every record: what a measurement, a training or a preparation returns."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

from colliculus.files.atomic import write_atomic
from colliculus.files.documents import as_document, from_plain, to_plain
from colliculus.files.plain import parse_json, read_text
from colliculus.records.table import Table, Tables
from colliculus.types import ColliculusError


class Record(ABC):
    """Plain values with a file, a table and a notebook view; `print` shows the table.

    A record is a frozen dataclass whose fields are plain values, tuples, mappings and other dataclasses. Records with
    something to see also have `figure()`, which returns a matplotlib figure.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Share(Record):
        ...     correct: int
        ...     total: int
        ...
        ...     def table(self):
        ...         return Table.facts("Share", {"correct": f"{self.correct} of {self.total}"})
        >>> Share(3, 4).to_dict()
        {'correct': 3, 'total': 4}
        >>> print(Share(3, 4))
        Share
         correct   3 of 4
    """

    @abstractmethod
    def table(self) -> Table | Tables:
        """The record as one table or several."""

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values: tuples become lists, paths strings."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, plain: object) -> Self:
        """The inverse of `to_dict`.

        Raises:
            ColliculusError: a key is unknown or missing, or a value has the wrong type.
        """
        return from_plain(plain, cls)

    def save(self, path: Path | str) -> Path:
        """Write `to_dict` as JSON, atomically.

        Args:
            path: file to write; its folder is made when absent.

        Returns:
            The path written.

        Raises:
            ColliculusError: the file cannot be written.
        """
        path = Path(path)
        write_atomic(path, json.dumps(self.to_dict(), indent=1, allow_nan=False).encode())
        return path

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read what `save` wrote.

        Raises:
            ColliculusError: the file is absent, is not JSON, or holds another record.
        """
        path = Path(path)
        try:
            return cls.from_dict(as_document(parse_json(read_text(path))))
        except OSError as error:
            raise ColliculusError(f"{path} cannot be read ({error.strerror})") from error
        except ValueError as error:  # ColliculusError is one too
            raise ColliculusError(f"{path} is not a record of kind {cls.__name__}: {error}") from error

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table().html()
