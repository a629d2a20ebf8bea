"""Accuracy of one method over its trainings."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, stdev

from colliculus.evaluation.paired import Trainings, repeated
from colliculus.evaluation.significance import student_interval
from colliculus.runs.metrics import wilson_interval


@dataclass(frozen=True)
class Score:
    """Accuracy of one method, as a fraction.

    Args:
        accuracies: accuracy of each training.
        accuracy: mean over seeds; with several test parts, over the means of the parts.
        deviation: standard deviation of the same values; None for a single training.
        interval: 95 % interval over the same values (Student), within 0 and 1; of one training, over clips (Wilson).
    """

    accuracies: tuple[float, ...]
    accuracy: float
    deviation: float | None
    interval: tuple[float, float]

    @classmethod
    def of(cls, trainings: Trainings) -> Score:
        """Score of one method.

        Example:
            >>> import numpy as np
            >>> correct = np.array([True, True, False, False])
            >>> score = Score.of({("", 0): correct, ("", 1): correct | True})
            >>> score.accuracies, score.accuracy, score.interval
            ((0.5, 1.0), 0.75, (0.0, 1.0))
        """
        accuracies = {training: float(correct.mean()) for training, correct in trainings.items()}
        values = repeated(accuracies)
        if len(values) == 1:
            correct = next(iter(trainings.values()))
            return cls((values[0],), values[0], None, wilson_interval(int(correct.sum()), len(correct)))
        low, high = student_interval(values)
        return cls(tuple(accuracies.values()), mean(values), stdev(values), (max(low, 0.0), min(high, 1.0)))
