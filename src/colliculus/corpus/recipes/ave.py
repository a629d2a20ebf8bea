"""AVE: 4,143 audio-visual events of 28 classes in ten-second clips of YouTube (Tian et al., ECCV 2018)."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.storage import Frames, Sound, Storage
from colliculus.corpus.recipes.raw_tree import found_samples, subfolder
from colliculus.corpus.sample import Sample
from colliculus.files.checks import check_file, decoding
from colliculus.types import ColliculusError

_LISTS = {"train": "trainSet.txt", "validation": "valSet.txt", "test": "testSet.txt"}
_VIDEO = re.compile(r"[\w-]+")  # an id of YouTube
_HEADER = "Category"


@dataclass(frozen=True)
class _Event:
    """One line of a list."""

    split: str
    label: str
    video: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class AVE:
    """Settings of AVE.

    RAW holds `AVE/<video>.mp4`, and `trainSet.txt`, `valSet.txt` and `testSet.txt` with a line
    `class&video&quality&start&end` for each event, in seconds.

    A sample is an event: the part of its clip from its start to its end. The protocol `paper` uses the three lists. The
    protocol `group-disjoint` keeps a video together (`group`) and does not train on videos that are in two lists or two
    classes, nor on events without length.

    The default storage follows the fusion papers: three frames, one per second from the start of the event, and one
    spectrogram of the whole event. Frames are 128 x 128; the papers give no number.
    """

    name: ClassVar[str] = "ave"

    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """Storage of the sound."""
    visual: Frames = field(default_factory=lambda: Frames(steps=3, rate_hz=1.0))
    """Storage of the video."""

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Storages of audio and visual."""
        return {"audio": self.audio, "visual": self.visual}

    def samples(self, raw: Path) -> list[Sample]:
        """Events by name: the name of the video, with a number if it has several.

        Raises:
            ColliculusError: `raw` does not have the layout above, or a line of a list cannot be read.
        """
        subfolder(raw, "AVE", "the videos")
        events = [event for split, file in _LISTS.items() for event in _read_events(raw / file, split)]
        number, counts = Counter[str](), Counter(event.video for event in events)
        unfit = _unfit(events)
        found: list[Sample] = []
        for event in events:
            number[event.video] += 1
            file = f"AVE/{event.video}.mp4"
            empty = event.end_s <= event.start_s  # then the sample is the whole clip
            found.append(
                Sample(
                    name=event.video if counts[event.video] == 1 else f"{event.video}#{number[event.video]}",
                    label=event.label,
                    files={"audio": file, "visual": file},
                    split=event.split,
                    group=event.video,
                    start_s=None if empty else event.start_s,
                    end_s=None if empty else event.end_s,
                    left_out=unfit.get(event.video) or ("its event has no length" if empty else ""),
                )
            )
        return found_samples(raw, found, "events in trainSet.txt, valSet.txt and testSet.txt")


def _unfit(events: Sequence[_Event]) -> dict[str, str]:
    """Reasons why videos are not trained on."""
    splits, labels = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for event in events:
        splits[event.video].add(event.split)
        labels[event.video].add(event.label)
    reasons: dict[str, str] = {}
    for video in splits:
        if len(splits[video]) > 1:
            reasons[video] = f"its video is in the lists of {' and '.join(s for s in _LISTS if s in splits[video])}"
        elif len(labels[video]) > 1:
            reasons[video] = f"its video has the classes {' and '.join(sorted(labels[video]))}"
    return reasons


def _read_events(path: Path, split: str) -> list[_Event]:
    check_file(path)
    with decoding(path, "save it as UTF-8 text"):
        lines = path.read_text("utf-8-sig").splitlines()
    return [
        _event(f"{path}, line {number}", split, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith(f"{_HEADER}&")
    ]


def _event(place: str, split: str, line: str) -> _Event:
    cells = [cell.strip() for cell in line.split("&")]
    try:
        label, video, _, start, end = cells
        seconds = float(start), float(end)
    except ValueError as error:
        raise ColliculusError(f"{place}: {line!r} is not class&video&quality&start&end: correct it") from error
    if not label or not _VIDEO.fullmatch(video) or not all(math.isfinite(s) and s >= 0 for s in seconds):
        raise ColliculusError(f"{place}: {line!r} lacks a class, a video of YouTube or a time: correct it")
    return _Event(split, label, video, *seconds)
