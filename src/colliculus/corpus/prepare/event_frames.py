"""Storage of recordings of an event camera or silicon cochlea as frames of counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample, split_entry
from colliculus.files.checks import decoding
from colliculus.media.event_formats import EVENT_SUFFIXES, read_events
from colliculus.media.events import Events, count_events
from colliculus.media.kinds import Track
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class EventFrames:
    """Numbers of events per frame, (bins, polarities, H, W): the T steps of a spiking network.

    The frames divide the time from the first event to the last (with `window_s`: that many seconds from the first
    event), or the segment that a manifest names. The formats are those of `colliculus.media.event_formats.read_events`;
    "FILE.hdf5::ENTRY" names a recording in a file of several.

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> EventFrames(sensor=(128, 128)).shape
        (10, 2, 28, 28)
    """

    suffixes: ClassVar[frozenset[str]] = EVENT_SUFFIXES
    track: ClassVar[Track | None] = None

    sensor: tuple[int, int] | None = None
    """Rows and columns of the sensor; the channels of a cochlea are arranged in such rows. None: as the file states."""
    size: tuple[int, int] = (28, 28)
    """Height and width of a frame."""
    bins: int = 10
    """Number of frames."""
    polarities: Literal[1, 2] = 2
    """2: events of the two polarities are counted separately; 1: together."""
    window_s: float | None = None
    """Seconds that the frames cover, from the first event; None: to the last event."""

    def __post_init__(self) -> None:
        if min(*(self.sensor or ()), *self.size, self.bins) < 1 or self.polarities not in (1, 2):
            raise ColliculusError("`sensor`, `size` and `bins` of events must be at least 1, and `polarities` 1 or 2")
        if self.window_s is not None and not self.window_s > 0:
            raise ColliculusError(f"`window_s` of events is {self.window_s}: choose a time above 0")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (bins, polarities, H, W)."""
        return (self.bins, self.polarities, *self.size)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type uint16, counts up to 65,535."""
        return np.dtype(np.uint16)

    @property
    def in_words(self) -> str:
        """See `Storage.in_words`."""
        span = "each whole recording" if self.window_s is None else f"{self.window_s:g} s of each recording"
        return f"counts of events in {self.bins} equal parts of {span}"

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:
        """See `Storage.read`."""
        file, entry = split_entry(path)
        with decoding(file):
            events = read_events(file, entry)
            sensor = self.sensor or events.sensor
            if sensor is None:
                raise ColliculusError(f"{path} does not state the size of its sensor: give it, rows and columns")
            begin = float(events.t_s.min()) if sample.start_s is None else sample.start_s
            end = float(events.t_s.max()) if sample.end_s is None else sample.end_s
            moved = Events(events.t_s - begin, events.x, events.y, events.polarity)
            window_s = max(end - begin, 1e-6) if self.window_s is None else self.window_s
            try:
                return count_events(
                    moved,
                    sensor=sensor,
                    size=self.size,
                    bins=self.bins,
                    polarities=self.polarities,
                    window_s=window_s,
                )
            except ColliculusError as error:
                raise ColliculusError(f"{path}: {error}") from error
