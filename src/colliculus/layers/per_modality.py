"""Modules by modality."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from colliculus.types import ColliculusError


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
