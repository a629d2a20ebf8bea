"""N-MNIST with the Spiking Heidelberg Digits (SHD): digits as events, written and spoken; both are small and free."""

from __future__ import annotations

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
from colliculus.media.event_files import SHD_SHAPE, hdf5_array, open_hdf5
from colliculus.types import ColliculusError

LANGUAGES = ("english", "german")
"""Languages of SHD: its label is digit + 10 * number of the language."""

_PARTS = {"train": ("Train", "shd_train.h5"), "test": ("Test", "shd_test.h5")}
_BINS = 10


@dataclass(frozen=True)
class _Word:
    """One spoken digit of SHD: its file and row, its digit and language, and its speaker."""

    file: str
    digit: int
    language: str
    speaker: str


@dataclass(frozen=True, kw_only=True)
class NmnistShd(Recipe):
    """Settings of N-MNIST with SHD: pairs of the same digit.

    RAW holds `Train/DIGIT/*.bin` and `Test/DIGIT/*.bin` of N-MNIST (Orchard et al., 2015), and `shd_train.h5` and
    `shd_test.h5` (Cramer et al., 2020). SHD has twenty words, the digits in English and in German; a word is paired
    with a written digit of its value.

    Each utterance is used once, with a recording of the camera of the same part that no other utterance has; the rest
    of N-MNIST stays unused. Ten of SHD's twelve speakers are in its training part, and again with a few recordings in
    its test part. With `pairs` "honest" those of the test part are not used, so the test has the two unknown speakers
    alone. Groups are speakers, so a validation part of the protocol `given` has speakers that are not trained on. With
    `pairs` "paper" the test is SHD's own, for the protocol `paper`. Published pairs are not known: only the parts can
    be repeated.

    The default storage is 10 frames of numbers of events: 34 x 34 of each polarity, and the 700 channels of the cochlea
    in 25 rows of 28 neighbours, without a polarity.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[str] = "nmnist-shd"

    audio: EventFrames = field(
        default_factory=lambda: EventFrames(sensor=SHD_SHAPE, size=SHD_SHAPE, bins=_BINS, polarities=1)
    )
    """Storage of the spikes of the cochlea."""
    visual: EventFrames = field(
        default_factory=lambda: EventFrames(sensor=(34, 34), size=(34, 34), bins=_BINS, polarities=2)
    )
    """Storage of the events of the camera."""
    pairs: Literal["honest", "paper"] = "honest"
    """honest: speakers of the training part are not tested; paper: SHD's own test part."""
    classes: Literal["digits", "words"] = "digits"
    """digits: ten classes, of both languages; words: SHD's twenty, which only the sound tells apart."""
    seed: int = 0
    """Seed of the pairing."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ColliculusError(f"`seed` is {self.seed}: choose 0 or more")

    def samples(self, raw: Path) -> list[Sample]:
        """Pairs by name: digit, part and number.

        Raises:
            ColliculusError: a folder or a file is missing or damaged, or a digit lacks a modality.
        """
        spoken = {part: _utterances(raw, file) for part, (_, file) in _PARTS.items()}
        if self.pairs == "honest":
            trained = {utterance.speaker for utterance in spoken["train"]}
            spoken["test"] = [utterance for utterance in spoken["test"] if utterance.speaker not in trained]
        found = [sample for part in _PARTS for sample in self._paired(raw, part, spoken[part])]
        return found_samples(raw, found, "pairs of a digit with both modalities")

    def _paired(self, raw: Path, part: str, spoken: Sequence[_Word]) -> Iterator[Sample]:
        """Pairs of one part; where recordings of one modality are fewer, the rest of the other is unused."""
        by_digit: Mapping[int, list[_Word]] = defaultdict(list)
        for utterance in spoken:
            by_digit[utterance.digit].append(utterance)
        for digit in range(10):
            videos, utterances = _videos(raw, _PARTS[part][0], digit), by_digit[digit]
            if not utterances:
                raise ColliculusError(
                    f"{raw / _PARTS[part][1]} has no digit {digit} by a speaker who can be used: download it again, or"
                    ' choose `pairs` "paper"'
                )
            rng = np.random.default_rng([self.seed, digit, list(_PARTS).index(part)])
            orders = rng.permutation(len(videos)), rng.permutation(len(utterances))
            for number, (video, heard) in enumerate(zip(*orders, strict=False)):
                utterance = utterances[heard]
                yield Sample(
                    name=f"{digit}/{part}/{number:04d}",
                    label=str(digit) if self.classes == "digits" else f"{digit} {utterance.language}",
                    files={"audio": utterance.file, "visual": videos[video]},
                    split=part,
                    group=utterance.speaker,
                    stratum=utterance.language,
                )


def _videos(raw: Path, part: str, digit: int) -> list[str]:
    """Recordings of a digit by the camera, by name."""
    folder = f"{part}/{digit}"
    files = files_by_stem(subfolder(raw, folder, f"the recordings of digit {digit}"), raw, {".bin"})
    if not files:
        raise ColliculusError(f"{raw / folder} holds no 00001.bin or the like: unpack {part}.zip of N-MNIST in {raw}")
    return [files[stem] for stem in sorted(files)]


def _utterances(raw: Path, name: str) -> list[_Word]:
    """Recordings of a file of SHD, in its order."""
    path = raw / name
    with decoding(path), open_hdf5(path) as file:
        labels, speakers = (hdf5_array(path, file, key) for key in ("labels", "extra/speaker"))
        if (
            labels.shape != speakers.shape
            or labels.ndim != 1
            or not {labels.dtype.kind, speakers.dtype.kind} <= {*"iu"}
        ):
            raise ColliculusError(f"{path} has no label and speaker for each recording: download it again")
        if len(labels) and not 0 <= labels.min() <= labels.max() < 10 * len(LANGUAGES):
            raise ColliculusError(f"{path} has labels beyond 0 to 19, the digits in two languages: download it again")
    return [
        _Word(f"{name}::spikes/{row}", label % 10, LANGUAGES[label // 10], f"speaker {speaker}")
        for row, (label, speaker) in enumerate(zip(labels.tolist(), speakers.tolist(), strict=True))
    ]
