"""Storage of the depth video of one person as frames of grey levels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample, split_entry
from colliculus.files.checks import check_file
from colliculus.media.array_files import as_float32, check_numbers
from colliculus.media.depth import body_levels, middles
from colliculus.media.kinds import Track
from colliculus.media.matlab import read_matlab
from colliculus.media.numpy_files import load_arrays
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class DepthFrames:
    """Frames of a depth video in mm, 0 in the background, cropped to the body: (steps, 1, H, W) levels 0..255.

    A .mat file holds (H, W, frames), of which those in the middles of `steps` equal parts are used; for the crop and
    the levels see `colliculus.media.depth.body_levels`. "FILE.npz::NAME" is a clip that was reduced in this way
    before: the entry of `depth` (n, steps, 1, H, W) at the place of NAME in `names` (n,).

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> DepthFrames(steps=4).shape
        (4, 1, 32, 32)
    """

    suffixes: ClassVar[frozenset[str]] = frozenset({".mat"})
    track: ClassVar[Track | None] = None

    size: tuple[int, int] = (32, 32)
    """Height and width of a frame."""
    steps: int = 8
    """Number of frames."""
    span_mm: float = 2000.0
    """Range of distances that is distinguished, centred on the median of the body; nearer and farther is clipped."""
    variable: str = ""
    """Name of the array in a .mat file; empty: its only one."""

    def __post_init__(self) -> None:
        if min(*self.size, self.steps) < 1 or not self.span_mm > 0:
            raise ColliculusError("`size` and `steps` of the depth must be at least 1, and `span_mm` above 0")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (steps, 1, H, W)."""
        return (self.steps, 1, *self.size)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type uint8."""
        return np.dtype(np.uint8)

    @property
    def in_words(self) -> str:
        """See `Storage.in_words`."""
        return f"{self.steps} depth frames, evenly spread over each whole clip"

    def read(self, path: Path, sample: Sample) -> NDArray[np.generic]:  # noqa: ARG002 - it is stored whole
        """See `Storage.read`."""
        file, entry = split_entry(path)
        if entry:
            return self._reduced(file, entry)
        raw = read_matlab(path, self.variable)
        check_numbers(path, raw)
        video = as_float32(path, raw)
        if video.ndim != 3 or not (video > 0).any():
            raise ColliculusError(f"{path} of shape {video.shape} shows no body in frames (H, W, frames): replace it")
        frames = np.moveaxis(video, -1, 0)[middles(self.steps, video.shape[-1])]
        if not (frames > 0).any():
            raise ColliculusError(f"{path} shows no body in {self.steps} evenly spaced frames: raise `steps`")
        return body_levels(frames, size=self.size, span_mm=self.span_mm)

    def _reduced(self, file: Path, name: str) -> NDArray[np.generic]:
        """One clip of a file of clips that were reduced before."""
        places, depth = reduced_clips(file)
        if name not in places:
            raise ColliculusError(f"{file} has no clip {name!r}: remove its name or complete the file")
        if depth.shape[1:] != self.shape or depth.dtype != self.dtype:
            raise ColliculusError(
                f"{file} holds {depth.dtype} clips of shape {depth.shape[1:]} and not uint8 {self.shape}: use this"
                " shape, or single .mat files"
            )
        return depth[places[name]]


def reduced_clips(file: Path) -> tuple[dict[str, int], NDArray[np.generic]]:
    """Place of each clip by name, and all clips (n, steps, 1, H, W), of a file as in `DepthFrames`.

    Raises:
        ColliculusError: the file is missing or damaged.
    """
    check_file(file)
    status = file.stat()
    return _clips_of(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1)  # all clips lie in one file, which is read once
def _clips_of(file: Path, _size: int, _modified_ns: int) -> tuple[dict[str, int], NDArray[np.generic]]:
    arrays = load_arrays(file)
    if not {"names", "depth"} <= set(arrays) or arrays["names"].shape != arrays["depth"].shape[:1]:
        raise ColliculusError(f"{file} does not hold `depth` and as many `names`: copy it again")
    names = [str(name) for name in arrays["names"].tolist()]
    return {name: place for place, name in enumerate(names)}, arrays["depth"]
