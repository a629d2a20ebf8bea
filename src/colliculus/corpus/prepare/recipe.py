"""What a data set must tell of itself to be prepared: which samples it holds, and how each modality is stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.source import Source


class Recipe(Protocol):
    """Settings of one preparation: a frozen keyword-only dataclass, whose fields are the flags of the command line.

    They must be plain (numbers, texts, tuples and such dataclasses), for all of them go into `prepare.yaml`.
    """

    name: ClassVar[str]
    """What `colliculus prepare` calls it."""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Of each modality, in the order that a model will see them, how it is stored."""
        ...

    def sources(self, raw: Path) -> list[Source]:
        """The samples, in an order that depends on nothing but the data; files are told below `raw_root(raw)`.

        A file that is not there, or cannot be decoded, need not be found here: its sample will be told as a problem.

        Raises:
            ColliculusError: `raw` is not laid out as the data set is.
        """
        ...


@runtime_checkable
class PassesOver(Protocol):
    """A recipe that takes the files it finds, and so can tell which it did not take."""

    def passed_over(self, raw: Path) -> Mapping[str, int]:
        """How many files were not taken, by their ending."""
        ...


def raw_root(raw: Path) -> Path:
    """The folder that the files of a recipe's sources lie below: RAW, or the one that holds it where it is a file."""
    return raw if raw.is_dir() else raw.parent


def split_entry(path: Path) -> tuple[Path, str]:
    """The file of "FILE::ENTRY", and the entry, "" where none is named.

    Example:
        >>> split_entry(Path("digits/n-tidigits.hdf5::ann/3a"))
        (PosixPath('digits/n-tidigits.hdf5'), 'ann/3a')
    """
    file, _, entry = str(path).partition("::")
    return Path(file), entry
