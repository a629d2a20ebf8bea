"""Prepared data divided into parts, kept beside the arrays where there are many rows."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.prepare.prepared_folder import PreparedFolder
from colliculus.corpus.protocols import Partition
from colliculus.corpus.sample import Sample
from colliculus.files.atomic import write_atomic
from colliculus.files.checks import SPLITS
from colliculus.types import ColliculusError


@dataclass(frozen=True, eq=False)
class Divided:
    """The facts of a manifest that a training needs, as arrays: a million rows are read in a fraction of a second.

    Args:
        parts: rows of each part.
        names: labels, ascending.
        labels: index into `names` of each row.
        present: rows that hold a modality, (n,), of each modality.
    """

    parts: Partition
    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    present: Mapping[str, NDArray[np.bool_]]

    @staticmethod
    def of(folder: PreparedFolder, parts: Partition) -> Divided:
        """The facts of a folder whose samples are divided so."""
        names, labels = np.unique([sample.label for sample in folder.samples], return_inverse=True)
        present = {m: np.array([m not in result.missing for result in folder.results]) for m in folder.storages}
        return Divided(parts, names, labels, present)

    def write(self, path: Path) -> None:
        """Keep them in a file; where that is not possible, nothing happens."""
        arrays: dict[str, Any] = {name: getattr(self.parts, name) for name in SPLITS}
        arrays |= {f"with {m}": np.packbits(held) for m, held in self.present.items()}
        arrays |= {"name": np.array(self.parts.name), "names": self.names, "labels": self.labels}
        content = io.BytesIO()
        np.savez(content, **arrays)
        with suppress(ColliculusError):
            write_atomic(path, content.getvalue())

    @staticmethod
    def read(path: Path, folder: PreparedFolder) -> Divided | None:
        """Those of a file that `write` wrote for this folder; None if there is none, or it is damaged."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                train, validation, test = (kept[name] for name in SPLITS)
                present = {m: np.unpackbits(kept[f"with {m}"], count=folder.rows).astype(bool) for m in folder.storages}
                parts = Partition(train, validation, test, str(kept["name"]))
                return Divided(parts, kept["names"], kept["labels"], present)
        except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile):
            return None


@dataclass(frozen=True, eq=False)
class SamplesOf(Sequence[Sample]):
    """Samples at some rows of a prepared folder, whose manifest is read when the first one is asked for."""

    folder: PreparedFolder
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """The sample at a place of the part; of a slice, those."""
        samples = self.folder.samples
        return [samples[row] for row in self.rows[index]] if isinstance(index, slice) else samples[self.rows[index]]
