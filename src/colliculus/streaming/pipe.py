"""Raw frames from a pipe as a source of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import standard_batch
from colliculus.streaming.sources import Stretch
from colliculus.streaming.stream import Stream
from colliculus.types import ColliculusError, unknown_name

_NUMBERS = "buif"
"""Kinds of arrays that may come through a pipe: truth values, whole numbers and floating point."""


def piped_parts(
    stream: Stream, pipe: IO[bytes], modalities: Sequence[str], normalisation: Normalisation
) -> Iterator[Stretch]:
    """Windows of raw frames from a pipe: `.npy` arrays, one after the other, as `numpy.save` writes them.

    For each step there is an array of each of `modalities` that is due, in this order: (C, H, W), or (n, C, H, W) if n
    frames are due, not standardised. Modalities whose data declare no `steps` come with the first step of each window;
    where windows are shorter than a clip, overlap or have no end, with every step, and the pipe may end after any.

    Raises:
        ColliculusError: a modality is unknown, the bytes are not those of an array, or it has another shape.
    """
    for m in modalities:
        if m not in stream.model.modalities:
            raise unknown_name("modality", m, stream.model.modalities)
    while (first := pipe.read(1)) != b"":
        count = stream.total if stream.takes_clips else 1
        yield Stretch("-", None, None, count, _piped_steps(stream, pipe, modalities, normalisation, first))


def _piped_steps(
    stream: Stream, pipe: IO[bytes], modalities: Sequence[str], normalisation: Normalisation, first: bytes
) -> Iterator[dict[str, Tensor]]:
    for done in range(stream.total if stream.takes_clips else 1):
        frames: dict[str, Tensor] = {}
        for m in modalities:
            moves = m in stream.model.spec.steps
            due = stream.frames.due(m, done) if moves and stream.takes_clips else 1
            if not due or (done and not moves):
                continue
            array = _piped_array(stream, pipe, m, due, first)
            first = b""
            many = array if array.ndim == 4 else array[None]
            standard = standard_batch({m: many[None]}, np.zeros(1, dtype=np.int64), normalisation).inputs[m]
            frames[m] = standard if array.ndim == 4 else standard[0]
        yield frames


def _piped_array(stream: Stream, pipe: IO[bytes], modality: str, due: int, first: bytes) -> NDArray[np.generic]:
    """The next array; its header is checked before anything is allocated."""
    expected = stream.model.spec.frame(modality)
    try:
        version = npy.read_magic(_Ahead(pipe, first))  # type: ignore[arg-type]
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = read_header(pipe)
    except ValueError as error:
        raise ColliculusError(
            f"standard input holds no array of {modality}: write each frame with numpy.save, ({expected})"
        ) from error
    counts = shape[:-3] or (1,)
    fits = len(shape) in (3, 4) and counts == (due,) and stream.model.spec.takes(modality, tuple(shape[-3:]))
    if not fits or by_columns or dtype.kind not in _NUMBERS:
        raise ColliculusError(
            f"standard input holds {modality} of shape {shape} and type {dtype}: write numbers ({expected}), with the "
            f"number of frames in front if several are due (here {due}), in C order"
        )
    size = int(np.prod(shape)) * dtype.itemsize
    if len(content := _exactly(pipe, size)) < size:
        raise ColliculusError(f"standard input ends within a frame of {modality}: write whole frames")
    return np.frombuffer(content, dtype).reshape(shape)


@dataclass
class _Ahead:
    """A pipe whose first byte was read already."""

    pipe: IO[bytes]
    first: bytes

    def read(self, count: int) -> bytes:
        """The next bytes."""
        ahead, self.first = self.first[:count], self.first[count:]
        return ahead + self.pipe.read(count - len(ahead))


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    """`size` bytes, or fewer at the end; a pipe may give them in pieces."""
    found = bytearray()
    while len(found) < size and (more := pipe.read(size - len(found))):
        found += more
    return bytes(found)
