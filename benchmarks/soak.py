"""Thousands of training steps and predictions in one process: memory and open files do not grow.

    python benchmarks/soak.py

Memory is the resident size after each part of the work, the first parts left out; its slope is that of a line through
them, beside the spread of the points around that line.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro

import colliculus as cl
from colliculus.training.callbacks import StepProgress, Training

PARTS, WARM = 25, 5


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Work for long and watch memory and open files."""

    steps: int = 5_000
    """Training steps."""
    predictions: int = 2_000
    """Predictions of a clip."""


def resident_mb() -> float:
    """Memory of this process, in MB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def handles() -> int:
    """Open files of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Watch(cl.Callback):
    """Memory and open files after every `each` steps or predictions, the first parts left out."""

    def __init__(self, title: str, each: int) -> None:
        self.title, self.each, self.done = title, each, 0
        self.memory: list[float] = []
        self.files: list[int] = []

    def on_step(self, training: Training, step: StepProgress) -> None:  # noqa: ARG002 - that it is made is enough
        """Count a training step."""
        self.count()

    def count(self) -> None:
        """One more is done."""
        self.done += 1
        if self.done % self.each == 0 and self.done > WARM * self.each:
            self.memory.append(resident_mb())
            self.files.append(handles())

    def is_steady(self) -> bool:
        """Print the slope; True if neither memory nor open files grow."""
        at = np.arange(len(self.memory))
        slope, start = np.polyfit(at, self.memory, 1)
        spread = float(np.std(np.array(self.memory) - slope * at - start))
        # Twice the standard error of the slope: the noise explains a growth below it.
        noise = 2 * spread / float(np.sqrt(((at - at.mean()) ** 2).sum()))
        steady = slope <= max(noise, 0.01) and self.files[-1] <= self.files[0]
        print(
            f"{self.title}: {self.done} times, {self.memory[0]:.1f} to {self.memory[-1]:.1f} MB, slope "
            f"{1000 * slope / self.each:.2f} MB per 1,000 (noise {1000 * noise / self.each:.2f}), {self.files[0]} to "
            f"{self.files[-1]} open files: {'steady' if steady else 'GROWS'}",
            flush=True,
        )
        return bool(steady)


def main(settings: Settings) -> int:
    """Train, then predict; returns 1 if something grows."""
    small = cl.preset("late-fusion-synthetic", data={"size": 16}, method={"dim": 8})
    each_epoch = -(-small.data.num_train // small.train.batch_size)
    experiment = replace(small, train=replace(small.train, epochs=-(-settings.steps // each_epoch)))
    training = Watch("training steps", settings.steps // PARTS)
    predicting = Watch("predictions", settings.predictions // PARTS)
    with tempfile.TemporaryDirectory() as name:
        run = cl.fit(experiment, out=Path(name) / "run", device="cpu", progress=False, callbacks=[training])
        clip = run.data.test.batch(np.arange(1), epoch=0).inputs
        for _ in range(settings.predictions):
            run.predict(clip)
            predicting.count()
    return 0 if training.is_steady() & predicting.is_steady() else 1


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Settings, description=__doc__)))
