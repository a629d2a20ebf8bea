"""What `colliculus reproduce` shows: the paper's figure, ours with its interval, the difference and the protocols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from colliculus.evaluation.comparison import Comparison, Trainings, compare_all
from colliculus.evaluation.score import Score
from colliculus.files.documents import package_version
from colliculus.records import console
from colliculus.runs.result import SELECTION
from colliculus.sweeps.published_tables import Figure, PublishedTable, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

NOT_AT_HAND = "not at hand"
_LEAST = 12
"""Characters of a row's title that a narrow terminal leaves on one line."""


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """A paper's table with our trainings.

    Args:
        name: of the table.
        table: what was published.
        data: name of our dataset.
        presets: what was trained for each row, by its title.
        rows: the answers of each row's trainings; none where all failed.
        protocol: how our data were split.
        fingerprint: digest of our data.
        epochs: of our trainings.
    """

    name: str
    table: PublishedTable
    data: str
    presets: Mapping[str, str]
    rows: Mapping[str, Trainings]
    protocol: str
    fingerprint: str
    epochs: int

    @property
    def is_scaled(self) -> bool:
        """Whether the paper used other data, so that only distances between rows compare."""
        return self.data not in self.table.datasets

    @property
    def paper_data(self) -> str:
        """The dataset whose published figures stand beside ours."""
        return self.table.datasets[0] if self.is_scaled else self.data

    def published(self, title: str) -> Figure | None:
        """The paper's figure of a row."""
        rows: dict[str, Row] = {row.title: row for row in self.table.rows}
        return rows[title].published.get(self.paper_data)

    def score(self, title: str) -> Score | None:
        """How our trainings of a row did."""
        return Score.of(self.rows[title]) if self.rows[title] else None

    def published_distance(self, title: str) -> float | None:
        """From the row that the others are measured from to this one, in the paper, in points."""
        row, base = self.published(title), self.published(self.table.against)
        return None if title == self.table.against or not row or not base else row.accuracy - base.accuracy

    @cached_property
    def distances(self) -> Mapping[str, Comparison]:
        """The same in our trainings, paired, of every row that has seeds in common with it."""
        base = self.rows[self.table.against]
        paired = {title: row for title, row in self.rows.items() if row.keys() & base.keys()}
        return {c.first: c for c in compare_all(paired, self.table.against)} if paired else {}


def record(found: Reproduced) -> dict[str, Any]:
    """Plain JSON values: figures of the paper in percent and differences to them in points, ours as shares."""
    rows: list[dict[str, Any]] = []
    for row in found.table.rows:
        figure, score, distance = found.published(row.title), found.score(row.title), found.distances.get(row.title)
        rows.append({
            "row": row.title,
            "preset": found.presets[row.title],
            "settings": dict(row.settings),
            "snr_db": dict(row.snr_db),
            "published": asdict(figure) if figure else None,
            "ours": asdict(score) if score else None,
            "difference": _difference(found, figure, score),
            "published_distance": found.published_distance(row.title),
            "distance": asdict(distance) if distance else None,
        })  # fmt: skip
    return {
        "version": package_version(),
        "table": found.name,
        "source": found.table.source,
        "paper_data": found.paper_data,
        "paper_protocol": found.table.protocol,
        "data": found.data,
        "protocol": found.protocol,
        "fingerprint": found.fingerprint,
        "selection": SELECTION,
        "scaled": found.is_scaled,
        "against": found.table.against,
        "rows": rows,
    }


def _difference(found: Reproduced, figure: Figure | None, score: Score | None) -> float | None:
    """Ours less the paper's in points, where both are on the same data."""
    return None if found.is_scaled or not figure or not score else 100 * score.accuracy - figure.accuracy


def pages(found: Reproduced) -> Iterator[RenderableType]:
    """What is printed."""
    table = found.table
    shown = console.plain_table()
    shown.add_column("row", style="cyan", min_width=_LEAST, overflow="fold")
    apart = ("distance", "of ours") if found.is_scaled else ("difference", "distance")
    for heading in ("paper", "ours", *apart):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in table.rows:
        shown.add_row(row.title, *_cells(found, row.title))
    yield console.titled(f"{table.source}: {table.title}, accuracy in %", shown)
    yield from _notes(found)


def _cells(found: Reproduced, title: str) -> Iterator[str]:
    figure, score, distance = found.published(title), found.score(title), found.distances.get(title)
    yield _figure(figure)
    yield "" if score is None else f"{100 * score.accuracy:.1f} ({_bounds(score.interval, '.1f')})"
    apart = found.published_distance(title) if found.is_scaled else _difference(found, figure, score)
    yield "" if apart is None else f"{apart:+.1f}"
    if distance is None:
        yield ""
        return
    interval = distance.seed_interval or distance.clip_interval
    yield f"{100 * distance.difference:+.1f} ({_bounds(interval, '+.1f')})"


def _bounds(interval: tuple[float, float], form: str) -> str:
    return "..".join(format(100 * bound, form) for bound in interval)


def _figure(figure: Figure | None) -> str:
    """A figure as the papers print it.

    Example:
        >>> _figure(Figure(70.74, 1.08)), _figure(Figure(73.25)), _figure(None)
        ('70.74 ± 1.08', '73.25', 'not at hand')
    """
    if figure is None:
        return NOT_AT_HAND
    return f"{figure.accuracy:.2f}" + ("" if figure.deviation is None else f" ± {figure.deviation:.2f}")


def _notes(found: Reproduced) -> Iterator[str]:
    runs = max(len(trainings) for trainings in found.rows.values())
    over = "over seeds" if runs > 1 else "over clips"
    yield f"Paper: {found.paper_data}; {found.table.protocol}; ± is the standard deviation."
    yield (
        f"Ours: {found.data}, {found.protocol}; {found.epochs} epochs, kept is the {SELECTION}, "
        f"and the test part is looked at once; mean of {runs} training(s) with 95 % interval {over}; presets "
        f"{', '.join(dict.fromkeys(found.presets.values()))}."
    )
    difference = "" if found.is_scaled else "Difference: ours less the paper's, in points. "
    yield f"{difference}Distance: from the row {found.table.against}, in points; ours is paired by seed and clip."
    if found.is_scaled:
        yield (
            f"The paper has no figures on {found.data}: this is a scaled version of its table. Compare the distances "
            "between rows, not the figures."
        )
