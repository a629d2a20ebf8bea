"""Colliculus: multimodal spiking neural networks.

Public names are loaded on first use, so that `import colliculus` (and the command line's help) needs no torch.
`__init__.pyi` lists them for type checkers and for this file.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

_HOMES = {
    alias.asname or alias.name: (node.module or "", alias.name)
    for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
"""Module of each public name, and the name there."""

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll] # type checkers read the names in __init__.pyi


class _Package(ModuleType):
    """This package. A public function keeps its name where a submodule has the same one (`presets`, `report`)."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):  # an import of a submodule sets it here
            super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("colliculus")
    if name not in _HOMES:
        raise AttributeError(f"module 'colliculus' has no attribute {name!r}")
    home, original = _HOMES[name]
    found = vars(import_module(home))
    return found[original] if home != __name__ and original in found else import_module(f"{home}.{original}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
