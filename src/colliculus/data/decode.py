"""All clips of a data set, decoded once into arrays that lie in memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from colliculus.corpus.class_folders import LabelledClip
from colliculus.data.dataset import ClipReader
from colliculus.types import ColliculusError

Sample = Mapping[str, NDArray[np.generic]]


def decode(
    clips: Sequence[LabelledClip], reader: ClipReader, on_error: Literal["stop", "skip"]
) -> tuple[list[LabelledClip], list[Sample]]:
    """Read `clips` on all cores, with a progress bar on a terminal.

    Args:
        clips: at least one.
        reader: decodes them.
        on_error: "stop" at the first clip that cannot be read, or "skip" such clips with one warning.

    Returns:
        The clips that could be read, and what they hold: arrays of bytes where these are exact, else float32.

    Raises:
        ColliculusError: a clip cannot be read, or, under "skip", none can.
    """

    def read(clip: LabelledClip) -> Sample | ColliculusError:
        try:
            return {modality: _compact(array) for modality, array in reader.read(clip.clip).items()}
        except ColliculusError as error:
            if on_error == "stop":
                raise
            return error

    console = Console(stderr=True)
    quiet = not console.is_terminal
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(read, clips)
        shown = track(results, "reading clips", len(clips), console=console, transient=True, disable=quiet)
        outcomes = list(zip(clips, shown, strict=True))
    if errors := [outcome for _, outcome in outcomes if isinstance(outcome, ColliculusError)]:
        if len(errors) == len(clips):
            raise ColliculusError(f"none of the {len(clips)} clips can be read; the first: {errors[0]}") from errors[0]
        warnings.warn(f"{len(errors)} of {len(clips)} clips are left out; the first: {errors[0]}", stacklevel=3)
    good = [(clip, outcome) for clip, outcome in outcomes if not isinstance(outcome, ColliculusError)]
    return [clip for clip, _ in good], [sample for _, sample in good]


def stack(modality: str, samples: Sequence[Sample]) -> NDArray[np.generic]:
    """The arrays of one modality, (n, ...); float32 zeros stand where a sample lacks it.

    Example:
        >>> stack("visual", [{"visual": np.ones((1, 2, 2), np.uint8)}, {}]).shape
        (2, 1, 2, 2)
    """
    held = [sample[modality] for sample in samples if modality in sample]
    if len(held) == len(samples):
        return np.stack(held)
    stacked = np.zeros((len(samples), *held[0].shape), dtype=np.float32)
    stacked[[row for row, sample in enumerate(samples) if modality in sample]] = held
    return stacked


def _compact(array: NDArray[np.float32]) -> NDArray[np.generic]:
    """As bytes, where nothing is lost."""
    in_bytes = array.clip(0, 255).astype(np.uint8)
    return in_bytes if np.array_equal(in_bytes, array) else array
