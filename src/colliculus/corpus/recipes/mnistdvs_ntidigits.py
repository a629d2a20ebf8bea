"""MNIST-DVS with N-TIDIGITS: digits recorded by an event camera and by a silicon cochlea."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.recipes.raw_tree import files_by_stem, found_samples, subfolder
from colliculus.corpus.sample import Sample
from colliculus.files.checks import decoding
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
class MnistDvsNtidigits(Recipe):
    """Settings of MNIST-DVS with N-TIDIGITS: pairs of the same digit.

    RAW holds `grabbed_data<digit>/scale4/mnist_<digit>_scale04_<number>.aedat` of MNIST-DVS, and `n-tidigits.hdf5`, of
    which only single digits are used ("oh" and "zero" are both 0).

    With `pairs` "honest" every recording is used at most once, so nothing is on two sides: utterances of the training
    and test part of N-TIDIGITS, which have different speakers, are paired with recordings of the camera drawn for that
    part. The protocol `group-disjoint` keeps each speaker on one side (`group`) and the sexes in proportion
    (`stratum`).

    With `pairs` "paper" there are 500 pairs of each digit for training and 500 for test, in our reading of a short
    text: halves of the recordings of the camera, and utterances of the parts of N-TIDIGITS, which are too few and so
    are used several times. The papers do not publish their pairs: only their number can be repeated.

    The default storage is the input of S-CMRL, 16 frames of 28 x 28 numbers of events per polarity; the cochlea has no
    polarity, and its 64 channels form 8 rows before they are enlarged.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[str] = "mnistdvs-ntidigits"

    audio: EventFrames = field(
        default_factory=lambda: EventFrames(sensor=COCHLEA_SHAPE, size=(28, 28), bins=_STEPS, polarities=1)
    )
    """Storage of the events of the cochlea."""
    visual: EventFrames = field(
        default_factory=lambda: EventFrames(sensor=(128, 128), size=(28, 28), bins=_STEPS, polarities=2)
    )
    """Storage of the events of the camera."""
    pairs: Literal["honest", "paper"] = "honest"
    """honest: every recording at most once; paper: a fixed number of pairs with repetition, for the protocol
    `paper`."""
    pairs_per_digit: int = 500
    """Number of pairs with `pairs` "paper", in training and in test."""
    scale: Literal[4, 8, 16] = 4
    """Size at which the digits were shown to the camera."""
    seed: int = 0
    """Seed of the pairing."""

    def __post_init__(self) -> None:
        if self.pairs_per_digit < 1 or self.seed < 0:
            raise ColliculusError("`pairs_per_digit` must be at least 1, and `seed` at least 0")

    def samples(self, raw: Path) -> list[Sample]:
        """Pairs by name: digit, part and number.

        Raises:
            ColliculusError: a folder or the file of speech is missing or damaged, or a digit lacks a modality.
        """
        speech = _utterances(raw)
        found: list[Sample] = []
        for digit in range(10):
            videos = self._videos(raw, digit)
            rng = np.random.default_rng([self.seed, digit])
            shuffled = [videos[i] for i in rng.permutation(len(videos))]
            parts = {part: speech[part, digit] for part in ("train", "test")}
            if silent := [part for part, spoken in parts.items() if not spoken]:
                raise ColliculusError(
                    f"{raw / _SPEECH} has no digit {digit} in its {silent[0]} part: download it again"
                )
            found += self._paired(digit, parts, shuffled, rng)
        return found_samples(raw, found, "pairs of a digit with both modalities")

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
        self, digit: int, parts: Mapping[str, Sequence[_Utterance]], videos: Sequence[str], rng: np.random.Generator
    ) -> Iterator[Sample]:
        """Pairs of each part; no video is in both parts."""
        utterances = {part: [spoken[i] for i in rng.permutation(len(spoken))] for part, spoken in parts.items()}
        if self.pairs == "paper":
            counts = dict.fromkeys(utterances, min(self.pairs_per_digit, len(videos) // 2))
        else:
            share = min(1.0, len(videos) / sum(map(len, utterances.values())))
            counts = {part: int(len(spoken) * share) for part, spoken in utterances.items()}
        unused = iter(videos)
        for part, spoken in utterances.items():
            for number in range(counts[part]):
                utterance = spoken[number % len(spoken)]  # each is used once before any is repeated
                yield Sample(
                    name=f"{digit}/{part}/{number:04d}",
                    label=str(digit),
                    files={"audio": f"{_SPEECH}::{utterance.entry}", "visual": next(unused)},
                    split=part,
                    group=utterance.speaker,
                    stratum=utterance.sex,
                )


def _utterances(raw: Path) -> defaultdict[tuple[str, int], list[_Utterance]]:
    """Recordings of single digits by part and digit, sorted by label."""
    path = raw / _SPEECH
    found: defaultdict[tuple[str, int], list[_Utterance]] = defaultdict(list)
    for part in ("train", "test"):
        with decoding(path), open_hdf5(path) as file:
            labels = hdf5_array(path, file, f"{part}_labels")
        for label in sorted({bytes(label).decode("ascii", "replace") for label in labels.ravel()}):
            if (match := _LABEL.fullmatch(label)) and len(match[4]) == 1:
                sex, speaker, _, digits = match.groups()
                found[part, _DIGITS[digits]].append(_Utterance(f"{part}/{label}", f"{sex}-{speaker}", sex))
    return found
