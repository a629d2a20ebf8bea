"""Numbers of samples per class and split, and their table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from colliculus.files.checks import SPLITS
from colliculus.records import Column, Table

_MOST = 40  # classes that are shown


def class_counts(labels: Sequence[str], parts: Sequence[str]) -> dict[str, dict[str, int]]:
    """Number of samples of each class in each part, by the labels and the parts of the samples.

    Example:
        >>> class_counts(["cat", "dog", "cat"], ["train", "", "train"])
        {'cat': {'train': 2}, 'dog': {'': 1}}
    """
    counts = Counter(zip(labels, parts, strict=True))
    return {
        label: {part: counts[label, part] for part in sorted(set(parts)) if counts[label, part]}
        for label in sorted(set(labels))
    }


def class_table(classes: Mapping[str, Mapping[str, int]]) -> Table:
    """Table of `class_counts`, one row per class; folds have numbers, "" is for samples without split and fold.

    Example:
        >>> print(class_table({"cat": {"train": 8, "test": 2}, "dog": {"train": 9}}))
        Samples of each class
         class   train   test
        ──────────────────────
         cat         8      2
         dog         9      0
         all        17      2
    """
    present = {split for counts in classes.values() for split in counts}
    folds = {fold: f"fold {fold}" for fold in sorted((split for split in present if split.isdigit()), key=int)}
    headings = {split: split for split in SPLITS} | folds | {"": "no split" if len(present) > 1 else "samples"}
    shown = {split: heading for split, heading in headings.items() if split in present}
    rows = [
        (label, *(f"{counts.get(split, 0):,}" for split in shown)) for label, counts in list(classes.items())[:_MOST]
    ]
    if len(classes) > _MOST:
        rows.append((f"and {len(classes) - _MOST:,} more", *[""] * len(shown)))
    rows.append(("all", *(f"{sum(counts.get(split, 0) for counts in classes.values()):,}" for split in shown)))
    columns = Column("class", style="cyan"), *(Column(heading, "right") for heading in shown.values())
    return Table(columns, rows, "Samples of each class")
