"""MNIST-DVS with N-TIDIGITS: digits before an event camera, and spoken to a silicon cochlea."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.storage import Storage
from colliculus.corpus.recipes.raw_tree import files_by_stem, found_sources, subfolder
from colliculus.corpus.source import Source
from colliculus.files.checks import decoding, is_pointer
from colliculus.media.event_files import COCHLEA_SHAPE, hdf5_array, open_hdf5
from colliculus.types import ColliculusError

_SPEECH = "n-tidigits.hdf5"
_LABEL = re.compile(r"(\w+)-(\w+)-(\w+)-([oz1-9]+)")  # man or woman, speaker, repetition, digits
_DIGITS = {"o": 0, "z": 0, **{str(digit): digit for digit in range(1, 10)}}  # "oh" and "zero" are both 0
_STEPS = 16


@dataclass(frozen=True)
class _Utterance:
    """One spoken digit: its entry in the file, its speaker and their sex."""

    entry: str
    speaker: str
    sex: str


@dataclass(frozen=True, kw_only=True)
class MnistDvsNtidigits:
    """Settings of MNIST-DVS with N-TIDIGITS: pairs of the same digit.

    RAW holds `grabbed_data<digit>/scale4/mnist_<digit>_scale04_<number>.aedat` of MNIST-DVS, and `n-tidigits.hdf5`, of
    which the single digits are used ("oh" and "zero" are both 0) and longer strings cannot be.

    Honest pairs use every recording once at most, so nothing is on two sides: utterances of N-TIDIGITS' own training
    and test part (whose speakers are others) with cameras' recordings drawn for that part. The honest protocol keeps
    speakers apart (`group`), men and women in proportion (`stratum`).

    Pairs as in the papers are 500 for training and 500 for test of each digit, in our reading of a short text: halves
    of the camera's recordings, and utterances of N-TIDIGITS' parts, which are too few and so come twice or more often.
    Which pairs the papers drew is not published: theirs cannot be repeated, only their number.

    Stored by default is what S-CMRL was fed, 16 frames of 28 x 28 counts of events of each polarity; the cochlea knows
    no polarity, and its 64 channels lie in 8 rows before they are enlarged.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[str] = "mnistdvs-ntidigits"

    audio: EventFrames = field(
        default_factory=lambda: EventFrames(sensor=COCHLEA_SHAPE, size=(28, 28), bins=_STEPS, polarities=1)
    )
    """How the events of the cochlea are stored."""
    visual: EventFrames = field(
        default_factory=lambda: EventFrames(sensor=(128, 128), size=(28, 28), bins=_STEPS, polarities=2)
    )
    """How the events of the camera are stored."""
    pairs: Literal["honest", "paper"] = "honest"
    """Every recording once at most, or a fixed number of pairs with repetition; the protocol "paper" wants "paper"."""
    pairs_per_digit: int = 500
    """Of "paper", in training and in test."""
    scale: Literal[4, 8, 16] = 4
    """How large the digits were shown to the camera."""
    seed: int = 0
    """Decides who is paired with whom."""

    def __post_init__(self) -> None:
        if self.pairs_per_digit < 1 or self.seed < 0:
            raise ColliculusError("`pairs_per_digit` must be at least 1, and `seed` at least 0")

    @property
    def storages(self) -> Mapping[str, Storage]:
        """Audio and visual."""
        return {"audio": self.audio, "visual": self.visual}

    def sources(self, raw: Path) -> list[Source]:
        """The pairs by name: digit, part and number.

        Raises:
            ColliculusError: a folder or the file of speech is missing or damaged, or a digit lacks either modality.
        """
        speech = _utterances(raw)
        found: list[Source] = []
        for digit in range(10):
            videos = self._videos(raw, digit)
            rng = np.random.default_rng([self.seed, digit])
            shuffled = [videos[i] for i in rng.permutation(len(videos))]
            parts = {part: speech[part, digit] for part in ("train", "test")}
            if silent := [part for part, spoken in parts.items() if not spoken]:
                raise ColliculusError(
                    f"{raw / _SPEECH} has no {digit} alone in its {silent[0]} part: download it again"
                )
            for part, seen, heard in self._paired(parts, shuffled, rng):
                found += [
                    _pair(part, digit, number, video, utterance)
                    for number, (video, utterance) in enumerate(zip(seen, heard, strict=True))
                ]
        return found_sources(raw, found, "pairs of a digit that is seen and heard")

    def _videos(self, raw: Path, digit: int) -> list[str]:
        folder = f"grabbed_data{digit}/scale{self.scale}"
        files = files_by_stem(subfolder(raw, folder, f"the recordings of digit {digit}"), raw, {".aedat"})
        name = re.compile(rf"mnist_{digit}_scale{self.scale:02d}_\d+")
        videos = [file for stem, file in files.items() if name.fullmatch(stem)]
        if not videos:
            raise ColliculusError(
                f"{raw / folder} holds no mnist_{digit}_scale{self.scale:02d}_0001.aedat or the like: unpack"
                f" grabbed_data{digit}.zip in {raw}"
            )
        return videos

    def _paired(
        self, parts: Mapping[str, Sequence[_Utterance]], videos: Sequence[str], rng: np.random.Generator
    ) -> list[tuple[str, Sequence[str], Sequence[_Utterance]]]:
        """Of each part as many videos and utterances; no video is in both parts."""
        heard = {part: [spoken[i] for i in rng.permutation(len(spoken))] for part, spoken in parts.items()}
        if self.pairs == "paper":
            half = min(self.pairs_per_digit, len(videos) // 2)
            counts = dict.fromkeys(heard, half)
        else:
            total = sum(len(spoken) for spoken in heard.values())
            share = min(1.0, len(videos) / total)
            counts = {part: int(len(spoken) * share) for part, spoken in heard.items()}
        paired: list[tuple[str, Sequence[str], Sequence[_Utterance]]] = []
        start = 0
        for part, spoken in heard.items():
            end = start + counts[part]
            again = [spoken[i % len(spoken)] for i in range(counts[part])]  # all come once before any comes twice
            paired.append((part, videos[start:end], again))
            start = end
        return paired


def _pair(part: str, digit: int, number: int, video: str, utterance: _Utterance) -> Source:
    return Source(
        name=f"{digit}/{part}/{number:04d}",
        label=str(digit),
        files={"audio": f"{_SPEECH}::{utterance.entry}", "visual": video},
        split=part,
        group=utterance.speaker,
        stratum=utterance.sex,
    )


def _utterances(raw: Path) -> defaultdict[tuple[str, int], list[_Utterance]]:
    """The recordings of single digits, by part and digit, sorted by their labels."""
    path = raw / _SPEECH
    if is_pointer(path):
        raise ColliculusError(f"{path} is a git-lfs pointer, not the file itself: run `git lfs pull` in its repository")
    found: defaultdict[tuple[str, int], list[_Utterance]] = defaultdict(list)
    for part in ("train", "test"):
        with decoding(path), open_hdf5(path) as file:
            labels = hdf5_array(path, file, f"{part}_labels")
        for label in sorted({bytes(label).decode("ascii", "replace") for label in labels.ravel()}):
            if (match := _LABEL.fullmatch(label)) and len(match[4]) == 1:
                sex, speaker, _, digits = match.groups()
                found[part, _DIGITS[digits]].append(_Utterance(f"{part}/{label}", f"{sex}-{speaker}", sex))
    return found
