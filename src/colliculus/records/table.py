"""Tables of text that print in a terminal and show in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Literal

from colliculus.types import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 120
"""Characters of a line when a table is turned into text."""

Align = Literal["left", "right"]


@dataclass(frozen=True)
class Column:
    """Heading and layout of one column.

    Args:
        heading: text above the cells; may be empty.
        align: side that the cells are set to.
        style: style of the cells in a terminal, in rich's words ("cyan", "bold").
        fold: break long cells anywhere; otherwise they break between words.
    """

    heading: str
    align: Align = "left"
    style: str = ""
    fold: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "heading", printable(self.heading, "\n"))


@dataclass(frozen=True)
class Table:
    """Rows of text under headings.

    Args:
        columns: one for each cell of a row.
        rows: cells as text.
        title: line above the table.
        notes: lines below it, for what a reader must know.

    Example:
        >>> columns = Column("class"), Column("recall", "right")
        >>> print(Table(columns, (("cat", "90.0 %"), ("dog", "7.5 %")), "Classes"))
        Classes
         class   recall
        ────────────────
         cat     90.0 %
         dog      7.5 %
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    title: str = ""
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        rows = tuple(tuple(printable(cell, "\n") for cell in row) for row in self.rows)
        notes = tuple(printable(note, "\n") for note in self.notes)
        for name, shown in (("rows", rows), ("title", printable(self.title)), ("notes", notes)):
            object.__setattr__(self, name, shown)

    @classmethod
    def of(cls, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> Table:
        """A table whose first column names the rows; the others are numbers, set to the right."""
        name, *numbers = headings
        return cls((Column(name, style="cyan"), *(Column(heading, "right") for heading in numbers)), rows, title, notes)

    @classmethod
    def facts(cls, title: str, facts: dict[str, str], notes: Sequence[str] = ()) -> Table:
        """A table of names and values, without headings.

        Example:
            >>> print(Table.facts("Run", {"preset": "s-cmrl-synthetic"}))
            Run
             preset   s-cmrl-synthetic
        """
        return cls((Column("", style="cyan"), Column("")), tuple(facts.items()), title, notes)

    def renderable(self) -> RenderableType:
        """The table as rich prints it."""
        from rich import box
        from rich import table as rich_table
        from rich.console import Group
        from rich.text import Text

        headed = any(column.heading for column in self.columns)
        drawn = rich_table.Table(box=box.SIMPLE_HEAD, show_header=headed, show_edge=False, pad_edge=True)
        for column in self.columns:
            drawn.add_column(
                Text(column.heading),
                justify=column.align,
                style=column.style,
                overflow="fold" if column.fold else "ellipsis",
            )
        for row in self.rows:
            drawn.add_row(*map(Text, row))  # Text keeps "[a]" as it is: a class may have such a name
        title = (Text(self.title, style="bold"),) if self.title else ()
        return Group(*title, drawn, *map(Text, self.notes))

    def __str__(self) -> str:
        from rich.console import Console

        text = StringIO()
        Console(file=text, width=WIDTH, color_system=None, highlight=False).print(self.renderable())
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def html(self) -> str:
        """The table as HTML."""
        headings = "".join(f"<th>{escape(column.heading)}</th>" for column in self.columns)
        head = f"<thead><tr>{headings}</tr></thead>" if any(column.heading for column in self.columns) else ""
        starts = [f'<td style="text-align: {column.align}">' for column in self.columns]
        rows = ("".join(f"{start}{escape(x)}</td>" for start, x in zip(starts, row, strict=True)) for row in self.rows)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table>{caption}{head}<tbody>{body}</tbody></table>{notes}"

    def _repr_html_(self) -> str:
        return self.html()


@dataclass(frozen=True)
class Tables:
    """Several tables, one below the other.

    Example:
        >>> print(Tables((Table.facts("Run", {"epochs": "3"}), Table.facts("Data", {"classes": "6"}))))
        Run
         epochs   3
        <BLANKLINE>
        Data
         classes   6
    """

    parts: Sequence[Table]

    def __iter__(self) -> Iterator[Table]:
        return iter(self.parts)

    def renderable(self) -> RenderableType:
        """The tables as rich prints them."""
        from rich.console import Group

        between = [part for table in self.parts for part in (table.renderable(), "")]
        return Group(*between[:-1])

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.parts))

    def html(self) -> str:
        """The tables as HTML."""
        return "".join(table.html() for table in self.parts)

    def _repr_html_(self) -> str:
        return self.html()
