"""Small folders of arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def save(root: Path, split: str, **arrays) -> Path:
    folder = root / split
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.asarray(array))
    return folder


def write_root(root: Path) -> None:
    """Two classes, a static modality and a sequence of other size; 40 samples to train on and 6 to test on."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 40), ("test", 6)):
        save(
            root,
            split,
            sound=rng.normal(3.0, 2.0, (n, 1, 5, 4)),
            touch=rng.integers(0, 200, (n, 3, 2, 6, 7), dtype=np.uint8),
            label=np.arange(n) % 2,
        )
