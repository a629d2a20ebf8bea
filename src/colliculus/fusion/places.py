"""Places of tokens: matching the token grids of two modalities."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from colliculus.layers import per_modality
from colliculus.types import ColliculusError

Grid = tuple[int, int]
"""Rows and columns of a modality's tokens."""


def nearest_tokens(target: Grid, source: Grid) -> Tensor:
    """Index of the `source` token at the place of each `target` token, (N_target,).

    Example:
        >>> nearest_tokens((2, 2), (1, 2)).tolist()
        [0, 1, 0, 1]
    """
    rows = torch.arange(target[0]) * source[0] // target[0]
    columns = torch.arange(target[1]) * source[1] // target[1]
    return (rows[:, None] * source[1] + columns).flatten()


class TokensAtPlaces(nn.Module):
    """Takes the tokens of one modality at the places of another modality's tokens.

    Args:
        target: grid that gives the places; None if it is not known beforehand, then both grids must be the same.
        source: grid of the tokens.

    Example:
        >>> TokensAtPlaces((2, 2), (1, 2))(torch.tensor([5.0, 7.0]), 4)
        tensor([5., 7., 5., 7.])
    """

    places: Tensor | None

    def __init__(self, target: Grid | None, source: Grid | None) -> None:
        super().__init__()
        places = None
        if target is not None and source is not None and target != source:
            places = nearest_tokens(target, source)
        self.register_buffer("places", places, persistent=False)

    def forward(self, tokens: Tensor, num_places: int) -> Tensor:
        """Tokens (*, N) -> (*, num_places).

        Raises:
            ColliculusError: the numbers differ and the grids are not known.
        """
        if self.places is not None:
            return tokens[..., self.places]
        if tokens.shape[-1] != num_places:
            raise ColliculusError(
                f"the modalities have different numbers of tokens, {num_places} and {tokens.shape[-1]}: give inputs of "
                "equal size, or build the model for a DataSpec with `sizes`"
            )
        return tokens


class OnOneGrid(nn.Module):
    """Takes the tokens of all modalities at the places of the first modality's tokens.

    Args:
        grids: grid of each modality, None if it is not known; the first one gives the places.

    Example:
        >>> placed = OnOneGrid({"audio": (2, 2), "visual": (1, 2)})({"visual": torch.tensor([5.0, 7.0])})
        >>> placed["visual"]
        tensor([5., 7., 5., 7.])
    """

    def __init__(self, grids: Mapping[str, Grid | None]) -> None:
        super().__init__()
        first = next(iter(grids.values()))
        self.num_places = None if first is None else first[0] * first[1]
        self.places = per_modality({m: TokensAtPlaces(first, grid) for m, grid in grids.items()})

    def forward(self, tokens: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tokens (*, N_m) of each modality present -> (*, N)."""
        num_places = self.num_places or next(iter(tokens.values())).shape[-1]
        return {m: self.places[m](x, num_places) for m, x in tokens.items()}
