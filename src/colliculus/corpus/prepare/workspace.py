"""Preparation of one sample: from its files to a row of each array, or to a sentence that says why not."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from colliculus.corpus.prepare.result import PreparationResult, digests, duration_s, is_inside
from colliculus.corpus.prepare.shards import OpenRowFiles, RowFiles
from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.sample import Sample, split_entry
from colliculus.files.checks import decoding
from colliculus.files.tables import UNPRINTABLE
from colliculus.media.notes import DAMAGE, collected_notes, note_again
from colliculus.types import ColliculusError

Incomplete = Literal["skip", "keep"]
"""Treatment of a sample with an unreadable modality: leave out the sample, or keep it without that modality."""


@dataclass(frozen=True)
class Workspace:
    """Everything that is the same for all samples.

    Args:
        root: folder above all files of the samples, absolute.
        storages: storage of each modality.
        arrays: files of each modality.
        incomplete: treatment of a sample with an unreadable modality.
        strict: whether a file that is damaged in part, or ends before its stated length, counts as unreadable.
    """

    root: Path
    storages: Mapping[str, Storage]
    arrays: Mapping[str, RowFiles]
    incomplete: Incomplete
    strict: bool = False

    @contextmanager
    def open(self) -> Generator[OpenWorkspace]:
        """The workspace with open arrays, and one thread for PyTorch."""
        with self.one_thread(), ExitStack() as stack:
            yield OpenWorkspace(self, {m: stack.enter_context(array.open()) for m, array in self.arrays.items()})

    @staticmethod
    @contextmanager
    def one_thread() -> Generator[None]:
        """One thread for PyTorch: the last digit of a sum depends on the number."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@dataclass(frozen=True)
class OpenWorkspace:
    """Preparation of samples, one after another."""

    place: Workspace
    rows: Mapping[str, OpenRowFiles]

    def prepare(self, row: int, sample: Sample) -> PreparationResult:
        """Read a sample and write its row; problems of its files are reported in the result, not raised.

        Raises:
            OSError: the row cannot be written.
        """
        found: dict[str, NDArray[np.generic]] = {}
        problems: list[str] = []
        with collected_notes() as notes:
            for modality, storage in self.place.storages.items():
                if modality in sample.files:
                    try:
                        found[modality] = self._read(modality, storage, sample)
                    except ColliculusError as error:
                        problems.append(str(error))
        if problems and self.place.incomplete == "skip":
            found = {}
        return self._write(row, sample, found, "; ".join(dict.fromkeys(problems)), notes)

    def leave_out(self, row: int, sample: Sample, problem: str) -> PreparationResult:
        """Clear the row of a sample that must not be tried again."""
        return self._write(row, sample, {}, problem, {})

    def holds(self, result: PreparationResult, sample: Sample) -> bool:
        """True if neither the row nor the files of the sample have changed since `result`."""
        return self._content(result.row) == result.content and digests(self.place.root, sample) == result.sha256

    def _read(self, modality: str, storage: Storage, sample: Sample) -> NDArray[np.generic]:
        path = self.place.root / sample.files[modality]
        if not is_inside(self.place.root, path):
            raise ColliculusError(f"{path} leads out of the raw data: replace the link by the file it points to")
        with decoding(split_entry(path)[0]):
            with collected_notes() as notes:
                read = storage.read(path, sample)
            if self.place.strict and (damage := [notes[kind] for kind in DAMAGE if kind in notes]):
                raise ColliculusError("; ".join(damage))
            note_again(notes)
            array = np.ascontiguousarray(read, dtype=storage.dtype.newbyteorder("<"))
            if array.shape != storage.shape:
                raise ColliculusError(f"{path} has shape {array.shape} instead of {storage.shape}: fix its storage")
            return array

    def _write(
        self,
        row: int,
        sample: Sample,
        found: Mapping[str, NDArray[np.generic]],
        problem: str,
        notes: Mapping[str, str],
    ) -> PreparationResult:
        for modality, rows in self.rows.items():
            if modality in found:
                rows.write(row, found[modality].tobytes())
            else:
                rows.clear(row)
        return PreparationResult(
            row=row,
            missing=tuple(m for m in self.rows if m not in found),
            content=self._content(row),
            problem=self._plain(problem),
            duration_s=duration_s(self.place.root, sample),
            sha256=digests(self.place.root, sample),
            notes={kind: self._plain(sentence) for kind, sentence in notes.items()},
        )

    def _plain(self, sentence: str) -> str:
        return re.sub(f"{UNPRINTABLE.pattern}+", " ", sentence.replace(f"{self.place.root}{os.sep}", ""))

    def _content(self, row: int) -> str:
        """Digest of the stored row."""
        digest = hashlib.sha256()
        for rows in self.rows.values():
            digest.update(rows.read(row))
        return digest.hexdigest()
