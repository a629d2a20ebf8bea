"""Time span of a file that makes up one sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """Time span of a file that makes up one sample.

    Args:
        start_s: start of the sample; None: start of the file.
        end_s: end of the sample; None: end of the file.
        duration_s: how much of the sample to read, from its start; None: all of it.
    """

    start_s: float | None = None
    end_s: float | None = None
    duration_s: float | None = None

    @property
    def begin_s(self) -> float:
        """Start in seconds."""
        return self.start_s or 0.0

    def length_s(self, file_s: float) -> float:
        """Length in a file of `file_s` seconds, even if the file is shorter."""
        if self.duration_s is not None:
            return self.duration_s
        return max((file_s if self.end_s is None else self.end_s) - self.begin_s, 0.0)

    def last_s(self, file_s: float) -> float:
        """End of what can be read: the end of the window, of the sample or of the file, whichever comes first."""
        wanted = self.begin_s + self.length_s(file_s)
        return min(wanted, file_s, file_s if self.end_s is None else self.end_s)

    def moments(self, count: int, rate_hz: float | None, file_s: float) -> list[float]:
        """Times of `count` frames in seconds.

        Without `rate_hz` they are the middles of `count` equal parts; with it, the start and every 1 / `rate_hz` after.

        Example:
            >>> Window(1.0, 3.0).moments(2, None, file_s=9.0), Window(1.0).moments(2, 4.0, file_s=9.0)
            ([1.5, 2.5], [1.0, 1.25])
        """
        if rate_hz is None:
            offsets = [(i + 0.5) / count * self.length_s(file_s) for i in range(count)]
        else:
            offsets = [i / rate_hz for i in range(count)]
        end = np.nextafter(self.begin_s + self.length_s(file_s) if self.end_s is None else self.end_s, 0.0)
        return [min(self.begin_s + offset, float(end)) for offset in offsets]
