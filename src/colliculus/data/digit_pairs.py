"""Pairs of AV-Digits: which recording and which images form a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample
from colliculus.data.digit_tasks import Questions, TaskName, questions
from colliculus.media.digit_files import images_file
from colliculus.types import ColliculusError, DataSpec

_RECORDINGS, _QUESTIONS = 1, 2  # streams of random numbers beside that of the images


@dataclass(frozen=True, eq=False)
class PairedDigits:
    """Pairs of one part in one epoch.

    Args:
        recordings: position of the recording of each sample in its part, (n,).
        images: positions of its images, from left to right, (n, 1) or (n, 2).
    """

    recordings: NDArray[np.int64]
    images: NDArray[np.int64]


@dataclass(frozen=True)
class DigitPair:
    """Files of one sample.

    Args:
        recording: name of the recording.
        images: positions in the file of MNIST, from left to right: one, or two in `which`.
        label: class index.
    """

    recording: str
    images: tuple[int, ...]
    label: int


@dataclass(frozen=True, eq=False)
class DigitPairing:
    """Pairing of the recordings and images of one part, drawn anew in each epoch.

    The labels stay the same. In tasks that compare the digits, recordings of a digit change places with one another,
    so that no recording goes with one label.

    Args:
        task: the task.
        spoken: digit of each recording, (n,).
        written: digit of each image, (m,).
        seed: seed of the pairs.
    """

    task: TaskName
    spoken: NDArray[np.int64]
    written: NDArray[np.int64]
    seed: int

    @cached_property
    def questions(self) -> Questions:
        """Digits that the samples show, and labels."""
        return questions(self.task, self.spoken, np.random.default_rng([self.seed, 0, _QUESTIONS]))

    def at(self, epoch: int) -> PairedDigits:
        """Pairs of one epoch: a pure function of (seed, epoch).

        Raises:
            ColliculusError: a digit has no image.
        """
        shown = self.questions.shown
        flat = draw_pairs(shown.T.ravel(), self.written, seed=self.seed, epoch=epoch)
        recordings = np.arange(len(self.spoken))
        if self.task not in ("digits", "lag"):
            rng = np.random.default_rng([self.seed, epoch, _RECORDINGS])
            recordings = _drawn(self.spoken, self.spoken, rng)
        return PairedDigits(recordings, flat.reshape(shown.shape[::-1]).T)


def named_pairs(
    pairing: DigitPairing, epoch: int, names: Sequence[str], places: NDArray[np.int64]
) -> tuple[DigitPair, ...]:
    """Pairs of one epoch, by the names of the recordings and the places of the images in their file."""
    pairs = pairing.at(epoch)
    recordings = [names[int(row)] for row in pairs.recordings]
    images = [tuple(row) for row in places[pairs.images].tolist()]
    return tuple(map(DigitPair, recordings, images, pairing.questions.labels.tolist()))


def samples_of(pairs: Sequence[DigitPair], part: str, spec: DataSpec) -> tuple[Sample, ...]:
    """Pairs of a part as samples, whose files name the recording and the images by their positions.

    Example:
        >>> spec = DataSpec(channels={"audio": 1, "visual": 1}, sizes={}, num_classes=2, class_names=("left", "right"))
        >>> (sample,) = samples_of([DigitPair("7_jackson_3.wav", (41, 6), 1)], "test", spec)
        >>> sample.name, sample.label, sample.files["visual"]
        ('7_jackson_3', 'right', 't10k-images-idx3-ubyte.gz::41 6')
    """
    images = images_file("t10k" if part == "test" else "train")
    return tuple(
        Sample(
            name=PurePath(pair.recording).stem,
            label=spec.names[pair.label],
            files={
                m: f"{images}::{' '.join(map(str, pair.images))}" if m == "visual" else f"recordings/{pair.recording}"
                for m in spec.modalities
            },
        )
        for pair in pairs
    )


def draw_pairs(labels: NDArray[np.int64], candidates: NDArray[np.int64], *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Position in `candidates` (m,) of one of the same class for each of `labels` (n,), drawn by (seed, epoch).

    None repeats before all candidates of its class were drawn.

    Raises:
        ColliculusError: a class has no candidate.

    Example:
        >>> draw_pairs(np.array([7, 3]), np.array([3, 7]), seed=0, epoch=0).tolist()
        [1, 0]
    """
    return _drawn(labels, candidates, np.random.default_rng([seed, epoch]))


def _drawn(labels: NDArray[np.int64], candidates: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    drawn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        wanted, pool = np.flatnonzero(labels == label), np.flatnonzero(candidates == label)
        if not len(pool):
            raise ColliculusError(f"class {label} has samples of one modality and none of the other: add some")
        rounds = -(-len(wanted) // len(pool))
        drawn[wanted] = np.concatenate([rng.permutation(pool) for _ in range(rounds)])[: len(wanted)]
    return drawn
