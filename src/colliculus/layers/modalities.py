"""Layers of several modalities: modules by modality, and random dropout of whole modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from colliculus.types import ColliculusError

FUSED = "fused"
"""Name of the joint stream, beside the names of the modalities."""


def per_modality(modules: Mapping[str, nn.Module]) -> nn.ModuleDict:
    """One module for each modality, by its name.

    Raises:
        ColliculusError: a modality has a name that PyTorch uses itself ("values", "type", ...).

    Example:
        >>> list(per_modality({"audio": nn.Identity(), "visual": nn.Identity()}))
        ['audio', 'visual']
    """
    if taken := [m for m in modules if hasattr(nn.ModuleDict, m)]:
        raise ColliculusError(f"a modality cannot be called {taken[0]!r}, PyTorch uses that name: rename it")
    return nn.ModuleDict(modules)


@runtime_checkable
class HasModulesOfModalities(Protocol):
    """A fusion or head with parts for one modality alone."""

    def modules_of(self, modality: str) -> list[nn.Module]:
        """The parts for that modality."""
        ...


def modules_of(room: nn.Module, modality: str) -> list[nn.Module]:
    """The parts of a fusion or head for one modality alone; none where it does not tell them apart.

    Example:
        >>> modules_of(nn.Identity(), "audio")
        []
    """
    return room.modules_of(modality) if isinstance(room, HasModulesOfModalities) else []


class ModalityDropout(nn.Module):
    """Silence whole modalities of a sample in training, never all of them (ModDrop of CMCI, ICONIP 2023).

    Each modality of each sample is dropped with probability `p`. If a sample would lose all of them, one stays, each
    with the same probability. In evaluation nothing is dropped.

    A dropped modality is silent, which differs from an absent one: zeros that pass a bias (in an MLP or a BatchNorm)
    give a small output. In `CurrentIntegration` the two are the same. A fusion and a head that use `kept` can make
    them the same (`WithJointLayer`, `SumOfReadouts`).

    Args:
        p: probability, at least 0 and below 1.

    Example:
        >>> tokens = {"audio": torch.ones(4, 64, 8, 9), "visual": torch.ones(4, 64, 8, 4)}
        >>> given = torch.stack([x.amax((0, 2, 3)) for x in ModalityDropout(0.9)(tokens).values()])
        >>> bool((given.sum(0) >= 1).all()), bool((given.sum(0) < 2).any())
        (True, True)
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, tokens: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tokens (T, B, D, N) of each modality -> the same, with zeros for dropped modalities."""
        return silenced(tokens, self.kept(tokens))

    def kept(self, tokens: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Draw the samples that keep each modality, truth values (B,); empty where nothing is ever dropped."""
        if not (self.training and self.p and len(tokens) > 1):
            return {}
        first = next(iter(tokens.values()))
        drawn = torch.rand(len(tokens), first.shape[1], device=first.device)
        return dict(zip(tokens, (drawn >= self.p) | (drawn == drawn.amax(0)), strict=True))


def silenced(tokens: dict[str, Tensor], kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tokens (T, B, D, N) of each modality, with zeros in the samples that do not keep it; empty `kept` keeps all.

    Example:
        >>> silenced({"audio": torch.ones(1, 2, 1, 1)}, {"audio": torch.tensor([True, False])})["audio"].flatten()
        tensor([1., 0.])
    """
    return {m: x * kept[m][:, None, None] for m, x in tokens.items()} if kept else tokens
