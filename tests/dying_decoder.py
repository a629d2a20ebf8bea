"""A storage whose decoder crashes or hangs at some files, for other processes to import."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from colliculus.corpus.sample import Sample


@dataclass(frozen=True, kw_only=True)
class DyingDecoder:
    """Reads a number; dies of the files that are called so."""

    suffixes: ClassVar[frozenset[str]] = frozenset({".txt"})
    track: ClassVar[None] = None

    shape: tuple[int, ...] = (1, 1, 1)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    @property
    def in_words(self) -> str:
        return "the number in each file"

    def read(self, path: Path, sample: Sample) -> np.ndarray:
        if path.stem.startswith("crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if path.stem.startswith("hang"):
            time.sleep(1000)
        if path.stem.startswith("once") and not (path.parent / "again").exists():
            (path.parent / "again").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return np.full(self.shape, float(path.read_text()))
