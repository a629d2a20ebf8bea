"""Raw clips that an exported network is compared on: of the run's test data, or of noise where these are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from colliculus.data.dataset import Normalisation
from colliculus.data.evenly import evenly
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.types import ColliculusError


@dataclass(frozen=True)
class Clips:
    """Raw inputs of some clips.

    Args:
        inputs: (B, C, H, W) or (T, B, C, H, W), float32, of each modality, before the normalisation.
        origin: where they come from, in words.
    """

    inputs: dict[str, Tensor]
    origin: str

    def __len__(self) -> int:
        return next(iter(self.inputs.values())).shape[-4]

    def first(self, count: int) -> dict[str, Tensor]:
        """Inputs of the first clips."""
        return {m: x[..., :count, :, :, :] for m, x in self.inputs.items()}


def clips_of(run: TrainedRun, modalities: Sequence[str], count: int) -> Clips:
    """Clips of the test data, evenly over them; seeded noise where the data cannot be loaded.

    Args:
        run: the run.
        modalities: modalities to give.
        count: clips, at most.

    Raises:
        ColliculusError: there are neither data nor sizes of the inputs.
    """
    normalisation = run.run.normalisation
    try:
        split = run.part("test")
        standardised, origin = split.batch(evenly(count, len(split)), epoch=0).inputs, "of the test data"
    except ColliculusError:
        spec, generator = run.run.spec, torch.Generator().manual_seed(0)
        standardised = {m: torch.randn(spec.input_shape(m, count), generator=generator) for m in modalities}
        origin = "of seeded noise (the data cannot be loaded)"
    return Clips({m: raw(normalisation, m, standardised[m]) for m in modalities}, origin)


def raw(normalisation: Normalisation, modality: str, x: Tensor) -> Tensor:
    """The raw values that standardised ones come from, up to rounding.

    Example:
        >>> halves = Normalisation(mean={"audio": (1.0,)}, std={"audio": (0.5,)})
        >>> raw(halves, "audio", torch.full((1, 1, 1, 1), 2.0)).item()
        2.0
    """
    if modality not in normalisation.mean:
        return x
    mean, std = (torch.tensor(v[modality]).view(-1, 1, 1) for v in (normalisation.mean, normalisation.std))
    return x * std + mean


def standardised(normalisation: Normalisation, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Raw clips as a model takes them, standardised as in training."""
    return {m: torch.from_numpy(np.ascontiguousarray(normalisation(m, x.numpy()))) for m, x in inputs.items()}
