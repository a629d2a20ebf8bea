"""Finished pieces of a long analysis of a run, kept so that a kill costs no more than the piece it fell into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colliculus.files.atomic import write_atomic


class Pieces:
    """A folder with one JSON file for each piece; a piece of other settings counts as absent.

    Args:
        folder: where the files lie.
        settings: all that decides the results, as plain values.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Pieces(Path(folder), {"clips": 4}).keep("first", [1, 2])
        ...     Pieces(Path(folder), {"clips": 4}).find("first"), Pieces(Path(folder), {"clips": 5}).find("first")
        ([1, 2], None)
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self._folder = folder
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))

    def find(self, name: str) -> Any | None:
        """The piece of that name; None where it is absent, damaged or of other settings."""
        found = self._read(name)
        return None if found is None or found.get("settings") != self._settings else found.get("piece")

    def keep(self, name: str, piece: object) -> None:
        """Write a piece of plain JSON values, none of them None."""
        text = json.dumps({"settings": self._settings, "piece": piece}, allow_nan=False)
        write_atomic(self._path(name), text.encode())

    def changed(self, name: str) -> list[str]:
        """The settings in which the piece of that name differs from these; empty where there is none."""
        found = self._read(name)
        theirs = {} if found is None else found.get("settings", {})
        return [key for key in self._settings if theirs and theirs.get(key) != self._settings[key]]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads(self._path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None
