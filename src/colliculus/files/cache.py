"""Cache of finished parts of a long analysis, so that a kill costs no more than the part it interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from colliculus.files.atomic import write_atomic
from colliculus.files.documents import Document, as_document, from_plain, to_plain
from colliculus.files.plain import parse_json, read_text
from colliculus.types import ColliculusError

PartT = TypeVar("PartT")


class Cache:
    """A folder with one JSON file for each finished part; a part made with other settings counts as absent.

    Args:
        folder: folder of the files.
        settings: everything that decides the results, as plain values.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Cache(Path(folder), {"clips": 4}).keep("first", [1, 2])
        ...     Cache(Path(folder), {"clips": 4}).find("first"), Cache(Path(folder), {"clips": 5}).find("first")
        ([1, 2], None)
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self._folder = folder
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))

    def find(self, name: str) -> Any | None:
        """The part of that name; None if it is absent, damaged, or was made with other settings."""
        found = self._read(name)
        return found.get("piece") if found.get("settings") == self._settings else None

    def keep(self, name: str, part: object) -> None:
        """Write a part: plain JSON values, not None."""
        text = json.dumps({"settings": self._settings, "piece": part}, allow_nan=False)
        write_atomic(self._path(name), text.encode())

    def get(
        self, name: str, kind: type[PartT], make: Callable[[], PartT], valid: Callable[[PartT], bool] = lambda _: True
    ) -> PartT:
        """The part of that name; where it is absent or not valid, it is made and kept."""
        with suppress(ColliculusError):  # another program's file, or damaged
            plain = self.find(name)
            if plain is not None and valid(found := from_plain(plain, kind)):
                return found
        made = make()
        self.keep(name, to_plain(made))
        return made

    def changed(self, name: str) -> list[str]:
        """Names of the settings in which the cached part differs from these; empty if there is none."""
        theirs = self._read(name).get("settings")
        return [key for key in self._settings if isinstance(theirs, dict) and theirs.get(key) != self._settings[key]]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _read(self, name: str) -> Document:
        try:
            return as_document(parse_json(read_text(self._path(name))))
        except (OSError, ValueError):
            return {}
