"""What fusions share in which every modality receives from every other."""

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
    """What `modality` receives of the others that are there, their mean, (T, B, D, N); None where it is alone.

    Args:
        attention: made by `between`; each maps (x, y) to what x receives of y.
        modality: who receives.
        tokens: (T, B, D, N) of each modality that is there.
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
    """Every stream (T, B, D, N) passes its MLP, then they are joined; what was exchanged is kept as the residual."""
    fused = join({m: mlp[m](x) for m, x in streams.items()})
    return replace(fused, residual={m: r.mean(-1) for m, r in residual.items()})
