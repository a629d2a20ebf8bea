"""Recordings and images of AV-Digits in the training, validation and test part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.splits import stratified_holdout
from colliculus.media.digit_files import DigitImages, Speech, read_digit_images, read_speech
from colliculus.types import ColliculusError

Rows = NDArray[np.int64]
DigitProtocol = Literal["standard", "speaker-out"]

_NUM_TEST_INDICES = 5  # standard protocol: recordings 0..4 of each digit and speaker


@dataclass(frozen=True, eq=False)
class DigitParts:
    """Recordings and images by part: "train", "validation" and "test".

    Args:
        speech: all recordings that are used.
        rows: recordings of each part; no recording is in two.
        images: images of each part; no image is in two.
        places: their positions in the file of MNIST: that of training, or of test for the test part.
    """

    speech: Speech
    rows: Mapping[str, Rows]
    images: Mapping[str, DigitImages]
    places: Mapping[str, Rows]


def read_parts(
    root: Path, *, protocol: DigitProtocol, fold: int, validation_fraction: float, seed: int, num_digits: int
) -> DigitParts:
    """Read the recordings and images of the digits below `num_digits`, and divide them.

    Raises:
        ColliculusError: files are missing or damaged, or a part would be empty.
    """
    speech = read_speech(root / "recordings")
    speech = speech.take(np.flatnonzero(speech.digits < num_digits))
    rest, tested = _tested(speech, protocol, fold)
    strata = np.char.add(speech.digits[rest].astype(str), speech.speakers[rest])
    kept, held = _holdout(strata, validation_fraction, seed)
    images, places = dict[str, DigitImages](), dict[str, Rows]()
    for part, file in (("train", "train"), ("test", "t10k")):
        found = read_digit_images(root, "t10k" if file == "t10k" else "train")
        places[part] = np.flatnonzero(found.digits < num_digits)
        images[part] = found.take(places[part])
    shown, hidden = _holdout(images["train"].digits, validation_fraction, seed)
    pools = {"train": shown, "validation": hidden}
    return DigitParts(
        speech=speech,
        rows={"train": rest[kept], "validation": rest[held], "test": tested},
        images={part: images["train"].take(rows) for part, rows in pools.items()} | {"test": images["test"]},
        places={part: places["train"][rows] for part, rows in pools.items()} | {"test": places["test"]},
    )


def _holdout(labels: NDArray[np.generic], fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Rows that are kept, and those held out; none with the fraction 0."""
    if not fraction:
        return np.arange(len(labels)), np.arange(0)
    return stratified_holdout(labels, fraction=fraction, seed=seed)


def _tested(speech: Speech, protocol: DigitProtocol, fold: int) -> tuple[Rows, Rows]:
    """Recordings outside the test part, and those in it."""
    names = np.unique(speech.speakers)
    if protocol == "standard":
        tested = speech.indices < _NUM_TEST_INDICES
    elif fold < len(names):
        tested = speech.speakers == names[fold]
    else:
        raise ColliculusError(
            f"`fold` is {fold}, and the recordings have {len(names)} speakers: choose 0 to {len(names) - 1}"
        )
    if tested.all() or not tested.any():
        raise ColliculusError(f"the protocol {protocol!r} leaves no recordings for training or for the test: add some")
    return np.flatnonzero(~tested), np.flatnonzero(tested)
