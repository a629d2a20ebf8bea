"""Tasks of AV-Digits: which digits a sample shows beside the spoken one, and its label.

In `digits` and `lag` sound and picture are drawn independently given the label, so that the sum of the modalities' log
probabilities is optimal. In the other tasks neither modality alone says anything about the label, and only both
together decide it. Two figures tell what an additive score, a(sound) + b(picture) for each class, can reach:

====== ======================================= ================== =====================================
task   label                                   at the minimum of  highest accuracy of any additive score
                                               the cross-entropy
====== ======================================= ================== =====================================
same   the written digit is the spoken one     50 %               75 %
xor    written XOR spoken, digits 0 and 1      50 %               75 %
which  side of the spoken one of two digits    50 %               75 %
sum    (written + spoken) mod 10               10 %               at least 55 %
====== ======================================= ================== =====================================

The cross-entropy is convex in a and b, and the tasks have a symmetry that exchanges the labels, so that constant scores
are its minimum: a sum trained to the end is at chance. The last column is that of decisions alone, whatever the loss:
"spoken >= written" is right for all pairs of `same` and half of the others, and -(k - written - spoken)^2, which is
additive once k^2 is left to each class, is right for the 55 of 100 sums below 10. A score that multiplies or compares
the modalities reaches 100 % in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from colliculus.media.digit_files import NUM_DIGITS

TaskName = Literal["digits", "same", "xor", "sum", "which", "lag"]

_OTHERS = range(1, NUM_DIGITS)
_DEALT: Mapping[TaskName, list[int]] = {
    "same": [step for other in _OTHERS for step in (0, other)],  # every second pair is of one digit
    "xor": [0, 1],
    "sum": list(range(NUM_DIGITS)),
    "which": [sign * other for other in _OTHERS for sign in (1, -1)],  # negative: the spoken digit is on the right
}
"""Steps from the spoken digit to the other one; each is dealt to equally many samples of a digit."""
_CLASS_NAMES: Mapping[TaskName, tuple[str, ...]] = {"same": ("different", "same"), "which": ("left", "right")}


@dataclass(frozen=True, eq=False)
class Questions:
    """Digits that samples show, and their labels.

    Args:
        shown: digits in the picture, from left to right, (n, 1), or (n, 2) in `which`.
        labels: class indices, (n,).
    """

    shown: NDArray[np.int64]
    labels: NDArray[np.int64]


def num_digits(task: TaskName) -> int:
    """Number of digits that a task uses, from 0."""
    return 2 if task == "xor" else NUM_DIGITS


def num_pictures(task: TaskName) -> int:
    """Number of digits side by side in a picture."""
    return 2 if task == "which" else 1


def num_classes(task: TaskName) -> int:
    """K of a task."""
    return 2 if task in ("same", "xor", "which") else NUM_DIGITS


def class_names(task: TaskName) -> tuple[str, ...]:
    """Names of the classes; empty: their numbers."""
    return _CLASS_NAMES.get(task, ())


def questions(task: TaskName, spoken: NDArray[np.int64], rng: np.random.Generator) -> Questions:
    """Digits to show with the `spoken` ones (n,), and labels.

    Within each spoken digit the labels, and the digits shown with each label, are as even as n allows.

    Example:
        >>> asked = questions("xor", np.array([0, 0, 1, 1]), np.random.default_rng(0))
        >>> sorted(zip(asked.shown[:, 0].tolist(), asked.labels.tolist()))
        [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    if task in ("digits", "lag"):
        return Questions(spoken[:, None], spoken)
    steps = _dealt(spoken, _DEALT[task], rng)
    other = (spoken + np.abs(steps)) % num_digits(task)
    if task == "which":
        right = steps < 0
        shown = np.stack([np.where(right, other, spoken), np.where(right, spoken, other)], axis=1)
        return Questions(shown, right.astype(np.int64))
    labels = {"same": other == spoken, "xor": other ^ spoken, "sum": (other + spoken) % NUM_DIGITS}[task]
    return Questions(other[:, None], labels.astype(np.int64))


def _dealt(spoken: NDArray[np.int64], steps: list[int], rng: np.random.Generator) -> NDArray[np.int64]:
    """One of `steps` for each of `spoken` (n,): within a digit in turn, from a random start, and then shuffled."""
    dealt = np.empty(len(spoken), dtype=np.int64)
    for digit in np.unique(spoken):
        rows = np.flatnonzero(spoken == digit)
        dealt[rows] = rng.permutation(np.resize(np.roll(steps, rng.integers(len(steps))), len(rows)))
    return dealt
