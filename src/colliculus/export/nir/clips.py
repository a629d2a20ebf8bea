"""Clips that an export is compared on: those of the test part, or noise where the data are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from colliculus.data.dataset import Split
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.types import Batch, ColliculusError

BATCH = 8
"""Clips of a batch."""
NOISE = 32
"""Clips of noise."""


@dataclass(frozen=True)
class Clips:
    """Clips as a network takes them.

    Args:
        run: the run whose network it is.
        split: part of its data; None stands for noise.
        number: how many.
    """

    run: TrainedRun
    split: Split | None
    number: int

    @property
    def source(self) -> str:
        """What they are, in words."""
        return "clips of noise (the data are gone)" if self.split is None else "test clips"

    @property
    def labelled(self) -> bool:
        """True if their labels mean something."""
        return self.split is not None

    def batches(self) -> Iterator[Batch]:
        """The clips in batches; noise has the labels 0."""
        spec, generator = self.run.run.spec, torch.Generator().manual_seed(0)
        for start in range(0, self.number, BATCH):
            rows = np.arange(start, min(start + BATCH, self.number))
            if self.split is not None:
                yield self.split.batch(rows, epoch=0)
                continue
            shapes = {m: spec.input_shape(m, len(rows)) for m in spec.modalities}
            noise = {m: torch.randn(shape, generator=generator) for m, shape in shapes.items()}
            yield Batch(noise, torch.zeros(len(rows), dtype=torch.long))


def clips_of(run: TrainedRun, number: int | None) -> Clips:
    """The first clips of a run's test part; None takes all."""
    try:
        split = run.part("test")
    except ColliculusError:
        return Clips(run, None, NOISE if number is None else number)
    return Clips(run, split, len(split) if number is None else min(number, len(split)))
