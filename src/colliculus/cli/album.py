"""The pictures of explained clips: those of another model, part or noise never stand beside this one's words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from colliculus.files.atomic import write_atomic


@dataclass(frozen=True)
class Album:
    """Pictures in a folder, named by what they are about.

    Args:
        folder: where they lie.
        digest: of what they are about; the end of every name.
    """

    folder: Path
    digest: str

    @classmethod
    def about(cls, folder: Path, subject: Mapping[str, object]) -> Album:
        """The pictures about one subject.

        Args:
            folder: where they lie.
            subject: all that decides how they look, as plain values.
        """
        return cls(folder, sha256(json.dumps(subject, sort_keys=True).encode()).hexdigest()[:8])

    def keep(self, index: int, name: str, content: bytes) -> str:
        """Write a picture of a clip; its file name."""
        file = f"clip-{index}-{name}-{self.digest}.png"
        write_atomic(self.folder / file, content)
        return file

    def holds(self, files: Iterable[str]) -> bool:
        """Whether all of these are there, and are its own."""
        return all(self._own(file) and (self.folder / file).exists() for file in files)

    def remove_others(self) -> None:
        """Remove pictures of clips about any other subject."""
        for path in self.folder.glob("clip-*.png"):
            if not self._own(path.name):
                path.unlink(missing_ok=True)

    def _own(self, file: str) -> bool:
        return file.endswith(f"-{self.digest}.png")
