"""A logger: one line at the end."""

from __future__ import annotations

import colliculus as cl
from colliculus.runs.result import TrainingResult
from colliculus.training.callbacks import Training


class OneLine(cl.Callback):
    """Prints the last loss."""

    def on_end(self, training: Training, result: TrainingResult | None) -> None:
        """Print, on the first process alone."""
        if training.is_main and training.learner.history:
            print(f"last loss {training.learner.history[-1]['train_loss']:.3f}")
