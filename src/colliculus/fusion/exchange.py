"""The exchange: every modality receives from every other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn


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
