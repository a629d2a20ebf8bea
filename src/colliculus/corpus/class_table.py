"""Table of the numbers of samples per class and split."""

from __future__ import annotations

from collections.abc import Mapping

from colliculus.files.checks import SPLITS
from colliculus.records import Column, Table

_MOST = 40  # classes that are shown


def class_table(classes: Mapping[str, Mapping[str, int]]) -> Table:
    """A table with one row per class.

    Args:
        classes: samples of each class by split or number of the fold ("" for samples without either).

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
