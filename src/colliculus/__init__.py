"""Colliculus: multimodal spiking neural networks.

Public names are loaded on first use, so that `import colliculus` (and the command line's help) needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Batch": "colliculus.types",
    "CMCI": "colliculus.methods",
    "ColliculusError": "colliculus.types",
    "DataSpec": "colliculus.types",
    "LIF": "colliculus.neurons",
    "LateFusion": "colliculus.methods",
    "MultimodalSNN": "colliculus.model",
    "NeuronSettings": "colliculus.neurons",
    "Output": "colliculus.types",
    "PLIF": "colliculus.neurons",
    "SCA": "colliculus.methods",
    "SCMRL": "colliculus.methods",
    "TAAF": "colliculus.methods",
    "Tectum": "colliculus.methods",
    "Unimodal": "colliculus.methods",
    "WeightedAttention": "colliculus.methods",
    "load": "colliculus.runs.run:load_model",
}

if TYPE_CHECKING:
    from colliculus.methods import (
        CMCI,
        SCA,
        SCMRL,
        TAAF,
        LateFusion,
        Tectum,
        Unimodal,
        WeightedAttention,
    )
    from colliculus.model import MultimodalSNN
    from colliculus.neurons import LIF, PLIF, NeuronSettings
    from colliculus.runs.run import load_model as load
    from colliculus.types import Batch, ColliculusError, DataSpec, Output

__all__ = [
    "CMCI",
    "LIF",
    "PLIF",
    "SCA",
    "SCMRL",
    "TAAF",
    "Batch",
    "ColliculusError",
    "DataSpec",
    "LateFusion",
    "MultimodalSNN",
    "NeuronSettings",
    "Output",
    "Tectum",
    "Unimodal",
    "WeightedAttention",
    "load",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("colliculus")
    if name == "reference":
        return import_module("colliculus.reference")
    if name not in _HOMES:
        raise AttributeError(f"module 'colliculus' has no attribute {name!r}")
    home, _, original = _HOMES[name].partition(":")
    return getattr(import_module(home), original or name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "reference"])
