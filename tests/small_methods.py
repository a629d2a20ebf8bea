"""Settings that make any method small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from colliculus.methods import CMQKA, TAAF, QKFormer, SEWResNet, Tectum

IDLE = {Tectum: {"heads"}, QKFormer: {"encoder"}, SEWResNet: {"encoder"}, CMQKA: {"encoder", "heads"}, TAAF: {"heads"}}
"""Settings that a method has, but does not read with its defaults."""


def read_by(kind: type[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that a method of that kind reads with its defaults."""
    known = {field.name for field in fields(kind)} - IDLE.get(kind, set())
    return {name: value for name, value in settings.items() if name in known}
