"""Pooling: from the tokens of one modality (T, B, D, N) to its feature (T, B, F) for the readout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from colliculus.layers import per_modality
from colliculus.types import ColliculusError

Readout = Literal["mean", "weighted"]
SPREAD = 2.0
"""Initial deviation of u where a channel has several maps: each looks at places of its own from the start."""


class ReadoutWeights(nn.Module):
    """A learned weight for every step, channel and token: h[t, b, d] = sum_n w[t, d, n] x[t, b, d, n].

    The weights are w = (1 + u) / N and start at u = 0, where h is the mean over the tokens; the readout's own mean over
    time divides them by T. With several maps every channel has as many features, and u starts at random, so that each
    map looks at other places. A network that runs for its first t steps uses the first t weights.

    Args:
        steps: T.
        dim: D.
        tokens: N.
        maps: number of features of a channel.

    Raises:
        ColliculusError: the tokens have another number than N, or more than T steps.

    Example:
        >>> pooling = ReadoutWeights(4, 8, 9)
        >>> x = torch.rand(4, 2, 8, 9)
        >>> torch.allclose(pooling(x), x.mean(-1))
        True
        >>> ReadoutWeights(4, 8, 9, maps=2)(x).shape
        torch.Size([4, 2, 16])
    """

    is_readout: ClassVar[bool] = True
    """These weights belong to the readout, and have its learning rate."""
    needs_window: ClassVar[str] = "has readout weights for each step"
    uses_later_steps: ClassVar[bool] = False
    heeds_ends: ClassVar[bool] = True

    def __init__(self, steps: int, dim: int, tokens: int, *, maps: int = 1) -> None:
        super().__init__()
        self.change = nn.Parameter(torch.zeros(maps, steps, dim, tokens))
        if maps > 1:
            nn.init.normal_(self.change, std=SPREAD)

    def forward(self, tokens: Tensor) -> Tensor:
        """(T, B, D, N) -> (T, B, maps * D)."""
        steps, width, number = tokens.shape[0], *tokens.shape[-2:]
        _, most, *expected = self.change.shape
        if [width, number] != expected or steps > most:
            raise ColliculusError(
                f"the readout has weights for {most} steps of {expected[0]} x {expected[1]} (channels x tokens), and "
                f"is given {steps} of {width} x {number}: give inputs of the size it was built for"
            )
        weights = ((1 + self.change[:, :steps]) / number).transpose(0, 1)  # (T, maps, D, N)
        return (tokens.contiguous()[:, :, None] * weights[:, None]).sum(-1).flatten(-2)


def weighted(steps: int, dim: int, grids: Mapping[str, tuple[int, int] | None], *, maps: int = 1) -> nn.ModuleDict:
    """Readout weights for each modality, by its grid of tokens.

    Raises:
        ColliculusError: a grid is not known.
    """
    if unknown := [m for m, grid in grids.items() if grid is None]:
        raise ColliculusError(
            f'`readout` "weighted" has a weight for every token, and those of {unknown[0]} cannot be counted: give the '
            "DataSpec its `sizes`"
        )
    sizes = {m: grid[0] * grid[1] for m, grid in grids.items() if grid is not None}
    return per_modality({m: ReadoutWeights(steps, dim, number, maps=maps) for m, number in sizes.items()})
