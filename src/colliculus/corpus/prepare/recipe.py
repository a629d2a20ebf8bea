"""Recipe of a data set: which samples it has, and how each modality is stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.sample import Sample


class Recipe(Protocol):
    """Settings of one preparation: a frozen keyword-only dataclass, whose fields are flags of the command line.

    They must be plain (numbers, strings, tuples, and dataclasses of these), because `prepare.yaml` records them.
    """

    name: ClassVar[str]
    """Name in `colliculus prepare`."""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Storage of each modality, in the order in which models see them."""
        ...

    def samples(self, raw: Path) -> list[Sample]:
        """The samples, in an order that depends on the data alone; their paths start at `raw_root(raw)`.

        Files may be absent or undecodable: the preparation reports them as problems.

        Raises:
            ColliculusError: `raw` does not have the layout of the data set.
        """
        ...


@runtime_checkable
class SkipsFiles(Protocol):
    """A recipe that searches folders for files, and can count the files that it skips."""

    def skipped(self, raw: Path) -> Mapping[str, int]:
        """Number of skipped files by ending."""
        ...


def raw_root(raw: Path) -> Path:
    """The folder at which paths of a recipe's samples start: RAW, or the folder that holds it if RAW is a file."""
    return raw if raw.is_dir() else raw.parent
