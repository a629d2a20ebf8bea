"""How one method did over its trainings."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, stdev

from colliculus.evaluation.comparison import Trainings, repeated
from colliculus.evaluation.student import student_interval
from colliculus.runs.metrics import wilson_interval


@dataclass(frozen=True)
class Score:
    """How one method did, in shares.

    Args:
        accuracies: of its trainings.
        accuracy: mean over seeds; of several test parts, over the means of each.
        deviation: their standard deviation; None for a single training.
        interval: 95 % over the same (Student), kept within 0 and 1; of a single training over clips (Wilson).
    """

    accuracies: tuple[float, ...]
    accuracy: float
    deviation: float | None
    interval: tuple[float, float]

    @classmethod
    def of(cls, trainings: Trainings) -> Score:
        """The score of one method.

        Example:
            >>> import numpy as np
            >>> right = np.array([True, True, False, False])
            >>> score = Score.of({("", 0): right, ("", 1): right | True})
            >>> score.accuracies, score.accuracy, score.interval
            ((0.5, 1.0), 0.75, (0.0, 1.0))
        """
        accuracies = {training: float(right.mean()) for training, right in trainings.items()}
        values = repeated(accuracies)
        if len(values) == 1:
            right = next(iter(trainings.values()))
            return cls((values[0],), values[0], None, wilson_interval(int(right.sum()), len(right)))
        low, high = student_interval(values)
        return cls(tuple(accuracies.values()), mean(values), stdev(values), (max(low, 0.0), min(high, 1.0)))
