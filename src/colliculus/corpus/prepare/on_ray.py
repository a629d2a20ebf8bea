"""Preparation on a Ray cluster: its machines decode, and this process writes every row.

Several machines that write into one file of a network file system may overwrite the neighbours of a row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from colliculus.clusters import in_short, joined
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.prepare.workers import files_of
from colliculus.corpus.prepare.workspace import OpenWorkspace, Workspace
from colliculus.corpus.sample import Sample
from colliculus.media.apart import DecoderError, apart
from colliculus.types import ColliculusError


def results_on_ray(
    place: Workspace, samples: Sequence[Sample], rows: Sequence[int], *, jobs: int | None, address: str
) -> Generator[PreparationResult]:
    """Results of `rows`, in the order in which the machines of a cluster finish them.

    All machines need the same environment and see the raw files at the same paths. Ray itself repeats the samples of a
    machine that is lost; a sample whose decoder crashes or hangs is left out, as on one machine.

    Args:
        place: everything that is the same for all samples.
        samples: all samples.
        rows: rows to prepare.
        jobs: samples at a time; None: as many as the cluster has cores.
        address: address of the cluster, as `colliculus.clusters.joined` takes it.

    Raises:
        ColliculusError: the cluster does not answer, or its machines cannot run colliculus.
        OSError: a row cannot be written.
    """
    if jobs == 0:
        raise ColliculusError("`jobs` is 0, which means this process alone: leave it out, or do not name a cluster")
    with joined(address) as ray, place.open() as opened:
        decode = ray.remote(_decoded).options(num_cpus=1)
        shared, waiting, busy = ray.put(place), deque(rows), list[Any]()
        at_once = jobs or int(ray.cluster_resources().get("CPU", 1))
        while waiting or busy:
            while waiting and len(busy) < at_once:
                row = waiting.popleft()
                busy.append(decode.remote(shared, row, samples[row]))
            ready, busy = ray.wait(busy)
            for reference in ready:
                try:
                    result, content = ray.get(reference)
                except ray.exceptions.RayError as error:
                    raise ColliculusError(
                        f"the machines of {address} cannot prepare samples, {in_short(error)}: see that they have this"
                        " environment"
                    ) from error
                for modality, written in opened.rows.items():
                    if modality in content:
                        written.write(result.row, content[modality])
                    else:
                        written.clear(result.row)
                yield result


Content = Mapping[str, bytes]
"""Bytes of a row of each modality that it holds."""


def _decoded(place: Workspace, row: int, sample: Sample) -> tuple[PreparationResult, Content]:
    """Result and content of a row; its decoder runs in a process of its own, as on one machine."""
    try:
        return apart(files_of(sample), _decoded_here, place, row, sample)
    except DecoderError as failure:
        return _in_memory(place).leave_out(row, sample, str(failure)), {}


def _decoded_here(place: Workspace, row: int, sample: Sample) -> tuple[PreparationResult, Content]:
    opened = _in_memory(place)
    with place.one_thread():
        result = opened.prepare(row, sample)
    kept = cast("Mapping[str, _RowInMemory]", opened.rows)
    return result, {m: one.content for m, one in kept.items() if m not in result.missing}


def _in_memory(place: Workspace) -> OpenWorkspace:
    """The workspace with a row in memory in place of each array."""
    return OpenWorkspace(place, cast("Any", {m: _RowInMemory.empty(storage) for m, storage in place.storages.items()}))


@dataclass
class _RowInMemory:
    """A row of one modality before it is written."""

    content: bytes

    @classmethod
    def empty(cls, storage: Storage) -> _RowInMemory:
        return cls(bytes(int(np.prod(storage.shape)) * storage.dtype.itemsize))

    def read(self, row: int) -> bytes:  # noqa: ARG002 - there is one
        return self.content

    def write(self, row: int, content: bytes) -> None:  # noqa: ARG002
        self.content = content

    def clear(self, row: int) -> None:  # noqa: ARG002
        self.content = bytes(len(self.content))
