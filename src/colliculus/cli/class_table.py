"""How many samples of each class stand in each split, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from colliculus.records.console import plain_table, titled

if TYPE_CHECKING:
    from rich.console import RenderableType

SPLITS = ("train", "validation", "test")
_MOST = 40  # classes that are shown


def class_table(balance: Mapping[str, Mapping[str, int]]) -> RenderableType:
    """A row for each class.

    Args:
        balance: of each class, its samples by split or number of a fold ("" of those in none).
    """
    held = {split for counts in balance.values() for split in counts}
    folds = {fold: f"fold {fold}" for fold in sorted((split for split in held if split.isdigit()), key=int)}
    columns = {split: split for split in SPLITS} | folds | {"": "no split" if len(held) > 1 else "samples"}
    shown = {split: title for split, title in columns.items() if split in held}
    table = plain_table()
    table.add_column("class", style="cyan")
    for title in shown.values():
        table.add_column(title, justify="right")
    for label, counts in list(balance.items())[:_MOST]:
        table.add_row(label, *(f"{counts.get(split, 0):,}" for split in shown))
    if len(balance) > _MOST:
        table.add_row(f"and {len(balance) - _MOST:,} more", *[""] * len(shown), style="dim")
    totals = (sum(counts.get(split, 0) for counts in balance.values()) for split in shown)
    table.add_row("all", *(f"{total:,}" for total in totals), style="bold")
    return titled("Samples of each class", table)
