"""The table of export targets. It imports none of them, so that the command line's help needs no torch."""

from __future__ import annotations

from importlib import import_module

from colliculus.export.target import ExportTarget
from colliculus.types import unknown_name

TARGETS = {
    "nir": "colliculus.export.nir.target:ToNIR",
    "onnx": "colliculus.export.onnx.target:ToONNX",
    "page": "colliculus.export.page.target:ToPage",
    "pt2": "colliculus.export.pt2_target:ToPT2",
    "reference": "colliculus.export.reference_target:ToReference",
}
"""Module and class of each target, by name."""


def target_class(name: str) -> type[ExportTarget]:
    """The class of a target.

    Raises:
        ColliculusError: there is no target of that name.

    Example:
        >>> target_class("reference").place
        'reference.pth.tar'
    """
    if name not in TARGETS:
        raise unknown_name("target", name, TARGETS)
    module, _, kind = TARGETS[name].partition(":")
    found: type[ExportTarget] = getattr(import_module(module), kind)
    return found
