"""Printing for the verbs: results on stdout, remarks and progress on stderr, and under `torchrun` on rank 0 only."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from colliculus.records.table import Table, Tables
from colliculus.types import ColliculusError, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

ItemT = TypeVar("ItemT")


def is_main_rank() -> bool:
    """True for the process that prints; `torchrun` gives each process its rank."""
    rank = os.environ.get("RANK", "0")
    return rank == "0" or not rank.isdecimal()  # nonsense must be reported


class RankError(ColliculusError):
    """A mistake that one process of several met; the sentence names its rank, and the command prints it on any rank."""


def show(*parts: RenderableType | Table | Tables) -> None:
    """Print tables and lines on stdout, one below the other."""
    from rich.console import Console

    console = Console(quiet=not is_main_rank(), highlight=False, markup=False)  # a clip may be named "[a]"
    for part in parts:
        if isinstance(part, Tables):
            show(*[line for table in part for line in (table, "")][:-1])
        elif isinstance(part, Table):
            console.print(replace(part, notes=()).renderable())
            show(*part.notes)
        else:
            text = printable(part, "\n") if isinstance(part, str) else part
            console.print(text, soft_wrap=isinstance(part, str))  # a path or a command to copy must not break


def show_json(value: Mapping[str, object]) -> None:
    """Print one JSON object on stdout; its numbers must be finite, JSON has no others."""
    if is_main_rank():
        print(json.dumps(value, indent=2, allow_nan=False))


def remark(sentence: str) -> None:
    """Print a sentence on stderr, where it does not mix with a result."""
    from rich.console import Console

    console = Console(stderr=True, quiet=not is_main_rank(), highlight=False)
    safe = printable(f"colliculus: {sentence}", "\n")
    console.print(safe, style="yellow", markup=False, soft_wrap=True)  # a path must not break


def progress_console() -> Console:
    """The console of progress: stderr, so that a result can be piped, and silent on other ranks than 0."""
    from rich.console import Console

    return Console(stderr=True, quiet=not is_main_rank())


@contextmanager
def progress(doing: str) -> Generator[Callable[[int, int], None]]:
    """A progress bar on stderr, where that is a terminal; call it with the numbers done and in all."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    terminal = progress_console()
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def steps(items: Sequence[ItemT], title: str) -> Iterator[ItemT]:
    """Yield the items one by one, with a progress bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return

    from rich.progress import track

    yield from track(items, title, console=progress_console(), transient=True)


def percent(share: float) -> str:
    """A share as text.

    Example:
        >>> percent(0.7325)
        '73.2 %'
    """
    return f"{100 * share:.1f} %"


def listed(names: Sequence[str], most: int) -> str:
    """Names in a sentence, at most so many.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def span(bounds: tuple[float, float]) -> str:
    """Bounds of shares in percent.

    Example:
        >>> span((0.6, 0.98))
        '60.0 to 98.0'
    """
    return " to ".join(f"{100 * bound:.1f}" for bound in bounds)


def accuracy(accuracy: float, interval: tuple[float, float], correct: int, total: int) -> str:
    """An accuracy with its 95 % interval and its counts, as text.

    Example:
        >>> accuracy(0.9, (0.6, 0.98), 9, 10)
        '90.0 %  (95 % interval 60.0 to 98.0; 9 of 10)'
    """
    return f"{percent(accuracy)}  (95 % interval {span(interval)}; {correct:,} of {total:,})"
