"""Image files of explained clips, named by the subject they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from colliculus.files.atomic import write_atomic


@dataclass(frozen=True)
class ImageStore:
    """Images of clips in a folder; those of another model, part or noise have other names.

    Args:
        folder: folder of the files.
        digest: of the subject; the end of every name.
    """

    folder: Path
    digest: str

    @classmethod
    def about(cls, folder: Path, subject: Mapping[str, Any]) -> ImageStore:
        """The images of one subject.

        Args:
            folder: folder of the files.
            subject: everything that decides how the images look, as plain values.
        """
        return cls(folder, sha256(json.dumps(subject, sort_keys=True).encode()).hexdigest()[:8])

    def keep(self, index: int, name: str, content: bytes) -> str:
        """Write an image of a clip and return its file name."""
        file = f"clip-{index}-{name}-{self.digest}.png"
        write_atomic(self.folder / file, content)
        return file

    def holds(self, files: Iterable[str]) -> bool:
        """True if all of these files exist and belong to the subject."""
        return all(self._own(file) and (self.folder / file).exists() for file in files)

    def remove_others(self) -> None:
        """Remove images of clips that belong to another subject."""
        for path in self.folder.glob("clip-*.png"):
            if not self._own(path.name):
                path.unlink(missing_ok=True)

    def _own(self, file: str) -> bool:
        return file.endswith(f"-{self.digest}.png")
