"""AVE: 4,143 audio-visual events of 28 classes in ten-second clips of YouTube (Tian et al., ECCV 2018)."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.raw_tree import found_samples, subfolder
from colliculus.corpus.sample import Sample
from colliculus.files.checks import check_file, decoding
from colliculus.types import ColliculusError

_LISTS = {"train": "trainSet.txt", "validation": "valSet.txt", "test": "testSet.txt"}
_VIDEO = re.compile(r"[\w-]+")  # an id of YouTube


@dataclass(frozen=True, kw_only=True)
class AVE(Recipe):
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
    repeats_papers: ClassVar[bool] = True

    audio: Sound = field(default_factory=lambda: Sound(duration_s=None))
    """Storage of the sound."""
    visual: Frames = field(default_factory=lambda: Frames(steps=3, rate_hz=1.0))
    """Storage of the video."""

    def samples(self, raw: Path) -> list[Sample]:
        """Events by name: the name of the video, with a number if it has several.

        Raises:
            ColliculusError: `raw` does not have the layout above, or a line of a list cannot be read.
        """
        subfolder(raw, "AVE", "the videos")
        events = [event for split, file in _LISTS.items() for event in _read_events(raw / file, split)]
        number, counts, unfit = Counter[str](), Counter(event.name for event in events), _unfit(events)
        found: list[Sample] = []
        for event in events:
            video = event.name
            number[video] += 1
            name = video if counts[video] == 1 else f"{video}#{number[video]}"
            found.append(replace(event, name=name, left_out=unfit.get(video, event.left_out)))
        return found_samples(raw, found, "events in trainSet.txt, valSet.txt and testSet.txt")


def _unfit(events: Sequence[Sample]) -> dict[str, str]:
    """Reasons why videos are not trained on."""
    splits, labels = defaultdict[str, set[str | None]](set), defaultdict[str, set[str]](set)
    for event in events:
        splits[event.name].add(event.split)
        labels[event.name].add(event.label)
    classes = {v: f"its video has the classes {' and '.join(sorted(own))}" for v, own in labels.items() if len(own) > 1}
    lists = {
        video: f"its video is in the lists of {' and '.join(split for split in _LISTS if split in own)}"
        for video, own in splits.items()
        if len(own) > 1
    }
    return classes | lists


def _read_events(path: Path, split: str) -> list[Sample]:
    """Events of a list, each under the name of its video."""
    check_file(path)
    with decoding(path, "save it as UTF-8 text"):
        lines = path.read_text("utf-8-sig").splitlines()
    return [
        _event(f"{path}, line {number}", split, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith("Category&")
    ]


def _event(place: str, split: str, line: str) -> Sample:
    cells = [cell.strip() for cell in line.split("&")]
    try:
        label, video, _, start, end = cells
        start_s, end_s = float(start), float(end)
    except ValueError as error:
        raise ColliculusError(f"{place}: {line!r} is not class&video&quality&start&end: correct it") from error
    if not label or not _VIDEO.fullmatch(video) or not all(math.isfinite(s) and s >= 0 for s in (start_s, end_s)):
        raise ColliculusError(f"{place}: {line!r} lacks a class, a video of YouTube or a time: correct it")
    file = f"AVE/{video}.mp4"
    event = Sample(name=video, label=label, files={"audio": file, "visual": file}, split=split, group=video)
    if end_s <= start_s:
        return replace(event, left_out="its event has no length")  # the sample is the whole clip
    return replace(event, start_s=start_s, end_s=end_s)
