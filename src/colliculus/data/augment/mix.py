"""Two samples mixed into one, the same way in all modalities, with the labels of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.augment.bounds import check_range, check_share
from colliculus.data.augment.boxes import boxes
from colliculus.data.augment.draws import Draws
from colliculus.labels import one_hot
from colliculus.types import Batch


@dataclass(frozen=True, kw_only=True)
class Mixup:
    """x <- l x + (1 - l) x', l from Beta(alpha, alpha), the same for all modalities (Zhang et al., ICLR 2018)."""

    probability: float = 0.0
    """probability of mixing a sample with another one"""
    alpha: float = 0.2
    """parameter of the Beta distribution: the larger, the more even the mixture"""

    def __post_init__(self) -> None:
        check_share("`probability` of mixup", self.probability)
        check_range("`alpha` of mixup", (self.alpha, self.alpha), least=0, most=1e6)


@dataclass(frozen=True, kw_only=True)
class CutMix:
    """Replace a rectangle of share 1 - l by that of another sample, l from Beta(alpha, alpha) (Yun et al., ICCV 2019).

    The rectangle has the same position in every modality and frame, in shares of height and width. The weight of the
    other sample in the label is its share of the pixels, averaged over the modalities.
    """

    probability: float = 0.0
    """probability of replacing a part of a sample"""
    alpha: float = 1.0
    """parameter of the Beta distribution: the larger, the more even the mixture"""

    def __post_init__(self) -> None:
        check_share("`probability` of cutmix", self.probability)
        check_range("`alpha` of cutmix", (self.alpha, self.alpha), least=0, most=1e6)


@dataclass(frozen=True, eq=False)
class Mixing:
    """Mixing of the samples of a batch.

    Args:
        rows: positions in the batch of the samples to mix, (M,).
        partners: indices in the split of the samples they are mixed with, (M,).
        shares: l, (M,).
        cut: mixed by a rectangle (True) or by addition (False), (M,).
        places: position of the rectangle, as in `boxes`, (M, 2).
    """

    rows: NDArray[np.int64]
    partners: NDArray[np.int64]
    shares: NDArray[np.float64]
    cut: NDArray[np.bool_]
    places: NDArray[np.float64]

    @staticmethod
    def draw(mixup: Mixup, cutmix: CutMix, draws: Draws, num_samples: int) -> Mixing:
        """Draw the samples of a batch to mix, in one of the two ways, and their partners among the `num_samples`."""
        way = draws.uniform("mix?", 1)[:, 0]
        rows = np.flatnonzero(way < mixup.probability + cutmix.probability)
        drawn = Draws(draws.keys[rows])
        cut = way[rows] >= mixup.probability
        alphas = np.where(cut, cutmix.alpha, mixup.alpha)
        shares = [rng.beta(alpha, alpha) for alpha, rng in zip(alphas, drawn.generators("mix share"), strict=True)]
        partners = (drawn.uniform("mix partner", 1)[:, 0] * num_samples).astype(np.int64)
        return Mixing(rows, partners, np.array(shares), cut, drawn.uniform("mix place", 2))

    def __call__(self, batch: Batch, num_classes: int) -> Batch:
        """Mix B samples followed by the M partners, with hard labels: the B samples, with soft labels (B, K), float32.

        The result may share the memory of `batch`.
        """
        count, mixed = len(batch) - len(self.rows), dict[str, Tensor]()
        kept = self.shares.copy()
        kept[self.cut] = 1 - np.mean([self._covered(x.shape) for x in batch.inputs.values()], axis=0)[self.cut]
        for modality, x in batch.inputs.items():
            mixed[modality] = x.narrow(-4, 0, count).contiguous()
            self._mix(mixed[modality].movedim(-4, 0), x.narrow(-4, count, len(self.rows)).movedim(-4, 0))
        labels = one_hot(batch.labels, num_classes, torch.float32)
        rows, weight = torch.from_numpy(self.rows), torch.from_numpy(kept).float()[:, None]
        soft = labels[:count].clone()
        soft[rows] = weight * soft[rows] + (1 - weight) * labels[count:]
        return Batch(mixed, soft)

    def _mix(self, samples: Tensor, others: Tensor) -> None:
        """Mix `others` (M, ...) into `samples` (B, ...), in place."""
        found = self._boxes(samples.shape)
        for m, row in enumerate(self.rows.tolist()):
            if self.cut[m]:
                top, left, height, width = found[m].tolist()
                part = (..., slice(top, top + height), slice(left, left + width))
                samples[row][part] = others[m][part]
            else:
                samples[row].mul_(self.shares[m]).add_(others[m], alpha=1 - self.shares[m])

    def _boxes(self, shape: torch.Size) -> NDArray[np.int64]:
        return boxes((shape[-2], shape[-1]), 1 - self.shares, np.ones_like(self.shares), self.places)

    def _covered(self, shape: torch.Size) -> NDArray[np.float64]:
        """Share of the pixels that the partner takes, (M,)."""
        return self._boxes(shape)[:, 2:].prod(axis=1) / (shape[-2] * shape[-1])
