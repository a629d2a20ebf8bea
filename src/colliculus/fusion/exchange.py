"""Shared parts of fusions in which every modality receives from every other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from colliculus.types import Fused


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


def joined(
    streams: Mapping[str, Tensor],
    mlp: nn.ModuleDict,
    join: Callable[[dict[str, Tensor]], Fused],
    residual: Mapping[str, Tensor],
) -> Fused:
    """Pass every stream (T, B, D, N) through its MLP and join them; the exchanged tokens become the residual."""
    fused = join({m: mlp[m](x) for m, x in streams.items()})
    return replace(fused, residual={m: r.mean(-1) for m, r in residual.items()})
