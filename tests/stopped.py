"""Trainings that stop in a chosen epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from colliculus.training.learner import Learner


def ctrl_c() -> None:
    raise KeyboardInterrupt


def stop_in(monkeypatch: pytest.MonkeyPatch, epoch: int, how: Callable[[], object] = ctrl_c) -> None:
    """Call `how` when training comes to `epoch`, once."""
    train_epoch = Learner.train_epoch

    def stopped(self: Learner, split: Any, now: int, watch: Any) -> dict[str, float]:
        if now == epoch:
            monkeypatch.undo()
            how()
        return train_epoch(self, split, now, watch)

    monkeypatch.setattr(Learner, "train_epoch", stopped)
