"""Figures of several runs in one column: only of what was measured alike on all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from colliculus.report.folder import UNREADABLE, Material
from colliculus.report.markup import Html, note


@dataclass(frozen=True)
class Figure:
    """A figure of one run.

    Args:
        text: as it is shown.
        about: how it was measured, by name; figures stand in one column where all of it is the same.
    """

    text: str
    about: Mapping[str, object]


@dataclass(frozen=True)
class Column:
    """A column of a table of runs, or why there is none.

    Args:
        heading: empty where there is no column.
        cells: one for each run.
        remark: why there is no column; else empty.
    """

    heading: str
    cells: Sequence[str]
    remark: Html


def column(
    what: str, unit: str, verb: str, materials: Sequence[Material], read: Callable[[Material], Figure | None]
) -> Column:
    """A figure of every run that has one.

    Args:
        what: the figure is, in words.
        unit: of it.
        verb: that measures it.
        materials: of the runs.
        read: gives the figure of one; None where it was not measured. What nobody can read counts as not measured.
    """
    figures = [_read(material, read) for material in materials]
    found = [figure for figure in figures if figure is not None]
    if not found:
        return Column("", (), Html())
    ways = [figure.about for figure in found]
    differing = [name for name in ways[0] if any(way[name] != ways[0][name] for way in ways)]
    if differing:
        why = f"The {what} of these runs does not stand side by side, it was not measured alike: they differ in the "
        return Column(
            "", (), note(f"{why}{', the '.join(differing)}. `colliculus {verb}` with the same options mends it.")
        )
    part = ways[0]["part of the data"]
    where = "" if part == "test" else f" ({part} part)"
    return Column(f"{what}{where}, {unit}", ["-" if x is None else x.text for x in figures], Html())


def _read(material: Material, read: Callable[[Material], Figure | None]) -> Figure | None:
    try:
        return read(material)
    except UNREADABLE:
        return None
