"""Recipe of a data set: which samples it has, and how each modality is stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.sample import Sample


class Recipe(ABC):
    """Settings of one preparation: a frozen keyword-only dataclass, whose fields are flags of the command line.

    They must be plain (numbers, strings, tuples, and dataclasses of these), because `prepare.yaml` records them.
    """

    name: ClassVar[str]
    """Name in `colliculus prepare`."""
    repeats_papers: ClassVar[bool] = False
    """True if the protocol `paper` trains and tests on the samples of the papers; else it is near them at best."""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Storage of each modality, in the order in which models see them: here the fields `audio` and `visual`."""
        return {m: getattr(self, m) for m in ("audio", "visual")}

    def storages_for(self, samples: Sequence[Sample]) -> Mapping[str, Storage]:  # noqa: ARG002 - for recipes that look
        """Storage of each modality for these samples, which may decide settings that were left open: here none."""
        return self.storages

    @abstractmethod
    def samples(self, raw: Path) -> list[Sample]:
        """The samples, in an order that depends on the data alone; paths start at RAW, or beside it if it is a file.

        Files may be absent or undecodable: the preparation reports them as problems.

        Raises:
            ColliculusError: `raw` does not have the layout of the data set.
        """

    def skipped(self, raw: Path) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002
        """Files that the search for samples skips, by ending: here none."""
        return {}
