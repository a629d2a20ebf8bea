"""Logits of a network for every pairing of the modalities of some clips."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.dataset import Split
from colliculus.evaluation.exchange.additivity import Additivity, GridSums, additivity, grid_sums
from colliculus.evaluation.inference import batches, inference_mode, recorded
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.files.cache import Cache
from colliculus.records.console import steps
from colliculus.types import Output

BLOCK = 2048
"""Pairings of one block, about: the most that an interruption costs."""


def measure_additivity(run: TrainedRun, part: Split, clips: int, cache: Cache) -> Additivity | None:
    """Compare a network with its best additive approximation on some clips of a part, always the same ones.

    The cost is that of `clips`**2 forward passes of fusion and head: with M modalities the grid of pairings is complete
    for n = `clips`**(2 / M) clips, so that the approximation is exact for any M. Finished blocks of the grid are kept.

    Args:
        run: trained run with at least two modalities.
        part: its samples.
        clips: n for M = 2; fewer if the part has fewer.
        cache: keeps the blocks.

    Returns:
        The comparison; None where the part has a single clip.
    """
    count = num_clips(clips, len(run.model.modalities), len(part))
    if count < 2:
        return None
    rows = np.sort(np.random.default_rng(0).permutation(len(part))[:count])
    pairings = Pairings(run, part, rows)
    size = max(1, BLOCK // count ** (len(run.model.modalities) - 1))
    blocks = [
        cache.get(
            f"pairings-{count}-{start}", GridSums, lambda start=start: grid_sums(pairings.logits(start, size), start)
        )
        for start in steps(range(0, count, size), "pairings")
    ]
    return additivity(blocks, part.labels[rows])


def num_clips(clips: int, num_modalities: int, total: int) -> int:
    """n, the clips whose pairings are about `clips`**2 in number; at least 2, at most `total`.

    Example:
        >>> [num_clips(128, m, total=430) for m in (2, 3, 4)], num_clips(128, 2, total=40)
        ([128, 25, 11], 40)
    """
    root = int(clips ** (2 / num_modalities) + 1e-9)  # 8 ** (2 / 3) is 3.9999999999999996
    return min(max(root, 2), total)


class Pairings:
    """A grid of pairings: modality m of clip i_m, for all i_1, ..., i_M of n clips.

    An encoder sees one modality alone, so tokens are computed once for each clip, under the noise of the training;
    fusion and head run on every pairing.

    Args:
        run: trained run.
        part: its samples.
        rows: rows of the clips, (n,).
    """

    def __init__(self, run: TrainedRun, part: Split, rows: NDArray[np.int64]) -> None:
        self._run, self._part, self._rows = run, part, rows

    @cached_property
    def tokens(self) -> dict[str, Tensor]:
        """Tokens (T, n, D, N) of each modality."""
        run, model = self._run, self._run.model
        size = run.experiment.train.batch_size
        found = {m: list[Tensor]() for m in model.modalities}
        keep = recorded(dict(model.encoders.items()), lambda m, tokens: found[m].append(tokens))
        with inference_mode(model), keep:
            for _, batch in batches(self._part, self._rows, batch_size=size, device=run.device, corruption=run.noise):
                model(batch.inputs)
        return {m: torch.cat(parts, dim=1) for m, parts in found.items()}

    def logits(self, start: int, count: int) -> NDArray[np.float64]:
        """Logits (b, n, ..., n, K) of b = `count` clips of the first modality from `start` on, fewer at the end."""
        first, every = range(start, min(start + count, len(self._rows))), range(len(self._rows))
        shape = (len(first), *[len(every)] * (len(self.tokens) - 1))
        pairs = np.stack(np.meshgrid(first, *[every] * (len(shape) - 1), indexing="ij"), axis=-1).reshape(
            -1, len(shape)
        )
        return np.concatenate(list(self._logits(pairs))).reshape(*shape, -1)

    def _logits(self, pairs: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
        """Logits (b, K) of pairings (P, M), in batches."""
        model, size = self._run.model, self._run.experiment.train.batch_size
        for first in range(0, len(pairs), size):
            chosen = torch.from_numpy(pairs[first : first + size]).to(self._run.device)
            with inference_mode(model):  # anew for each batch: all pairings see the same random numbers
                paired = {m: x[:, chosen[:, i]] for i, (m, x) in enumerate(self.tokens.items())}
                output: Output = model.head(model.fusion(paired))
            yield output.logits.double().cpu().numpy()
