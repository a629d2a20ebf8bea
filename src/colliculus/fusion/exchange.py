"""The exchange: every modality receives from every other, or from the mean of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from colliculus.fusion.joins import sum_of
from colliculus.fusion.places import Grid, OnOneGrid

Senders = Literal["each", "mean"]
OTHERS = "others"
"""Sender in the names of modules that receive from the mean."""


def between(modalities: Iterable[str], make: Callable[[str, str], nn.Module]) -> nn.ModuleDict:
    """A module for every ordered pair: `make(modality, other)` under the name "<modality>_from_<other>".

    Example:
        >>> list(between(["audio", "visual"], lambda modality, other: nn.Identity()))
        ['audio_from_visual', 'visual_from_audio']
    """
    names = list(modalities)
    return nn.ModuleDict({f"{m}_from_{other}": make(m, other) for m in names for other in names if other != m})


def receive(attention: nn.ModuleDict, modality: str, tokens: Mapping[str, Tensor]) -> Tensor | None:
    """The mean of what `modality` receives from the others present, (T, B, D, N); None if it is alone.

    Args:
        attention: made by `between`; each maps (x, y) to what x receives from y.
        modality: the receiver.
        tokens: (T, B, D, N) of each modality present.
    """
    given = [
        attention[f"{modality}_from_{other}"](tokens[modality], y) for other, y in tokens.items() if other != modality
    ]
    if not given:
        return None
    return given[0] if len(given) == 1 else torch.stack(given).mean(0)


def from_mean(modalities: Iterable[str], make: Callable[[str, str], nn.Module]) -> nn.ModuleDict:
    """A module for every modality, which receives from the mean of the others: "<modality>_from_others".

    Args:
        modalities: at least two.
        make: `make(modality, other)`, where `other` is the modality on whose grid the mean lies (see `MeanOfOthers`).

    Example:
        >>> list(from_mean("abc", lambda modality, other: nn.Identity()))
        ['a_from_others', 'b_from_others', 'c_from_others']
    """
    first, second, *rest = modalities
    return nn.ModuleDict(
        {f"{m}_from_{OTHERS}": make(m, second if m == first else first) for m in (first, second, *rest)}
    )


class MeanOfOthers(nn.Module):
    """The mean of the others' tokens for each modality, on the grid of the first of these others.

    One sum over all modalities serves all means, so that the cost is linear in their number.

    Args:
        grids: token grid of each modality, at least two.

    Example:
        >>> mean = MeanOfOthers({"a": (1, 2), "b": (1, 1), "c": (1, 2)})
        >>> found = mean({"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([4.0]), "c": torch.tensor([2.0, 6.0])})
        >>> {m: x.tolist() for m, x in found.items()}
        {'b': [1.0, 3.5], 'c': [2.0, 2.5], 'a': [3.0]}
    """

    def __init__(self, grids: Mapping[str, Grid | None]) -> None:
        super().__init__()
        self.first = next(iter(grids))
        self.on_first = OnOneGrid(grids)
        self.on_second = OnOneGrid({m: grid for m, grid in grids.items() if m != self.first})

    def forward(self, tokens: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tokens (T, B, D, N) of each modality present -> the mean (T, B, D, N') for each, if it is not alone."""
        rest = {m: x for m, x in tokens.items() if m != self.first}
        placed = self.on_first(tokens)
        total, count = sum_of(placed), len(placed) - 1
        found = {m: (total - placed[m]) / count for m in rest if count}
        if self.first in tokens and rest:
            found[self.first] = sum_of(self.on_second(rest)) / len(rest)
        return found
