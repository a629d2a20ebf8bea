"""The balance of a run as a picture: each modality alone, what a balance reported, scores over time and alignments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colliculus.cli.balance_report import BalanceReport, Curve, alone_by
from colliculus.cli.health_picture import FAINT, INK
from colliculus.cli.time_picture import draw_alignments, draw_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of the modalities, in order; Okabe and Ito's, which those who are colour-blind tell apart."""
MARKERS, DASHES = "osD^vP", ("-", "--", ":", "-.")
MARKED_EPOCHS = 30
"""With more, the marks would hide the lines."""


@dataclass(frozen=True)
class Line:
    """One curve over the epochs, and how it looks."""

    label: str
    values: Curve
    colour: str = INK
    marker: str = "."
    dash: str = "-"
    width: float = 1.5


def draw(report: BalanceReport, title: str, path: Path) -> None:
    """Draw `report` into a PNG: a row of curves, one of scores and one of alignments, as far as there are any.

    Args:
        report: not empty.
        title: stands above.
        path: the file to write.

    Raises:
        ImportError: matplotlib, an extra, is not installed.
    """
    from matplotlib.figure import Figure  # no pyplot: nothing global, no window

    rows: list[tuple[float, Callable[[SubFigure, BalanceReport], None]]] = []
    if report.accuracy_alone or report.balance:
        rows.append((3.2, _draw_curves))
    if report.time_weights:
        rows.append((1.2 + min(0.24 * len(report.classes), 6), draw_scores))
    if report.alignments:
        rows.append((3.2, draw_alignments))
    heights = [height for height, _ in rows]
    panels = max(len(report.time_weights), len(report.alignments))
    figure = Figure(figsize=(max(10, 1.5 + 2.9 * panels), 0.4 + sum(heights)), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    parts = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (_, draw_row) in zip(parts, rows, strict=True):
        draw_row(part, report)
    figure.savefig(path, dpi=150, facecolor="white")


def _draw_curves(part: SubFigure, report: BalanceReport) -> None:
    panels: list[Callable[[Axes, BalanceReport], None]] = []
    if report.accuracy_alone:
        panels.append(_draw_accuracy)
    if report.balance:
        panels.append(_draw_balance)
    for axes, draw_panel in zip(part.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw_panel(axes, report)


def _draw_accuracy(axes: Axes, report: BalanceReport) -> None:
    axes.set_title(f"validation accuracy, % (alone: by {alone_by(report)})", loc="left", fontsize=9, color=INK)
    alone = [
        Line(f"{m} alone", _percent(curve), *_look(report.modalities.index(m)))
        for m, curve in report.accuracy_alone.items()
    ]
    _draw_lines(axes, report, [Line("together", _percent(report.accuracy), width=2.4), *alone])
    axes.axhline(100 / len(report.classes), color=FAINT, linewidth=0.9, linestyle=":", zorder=0)
    axes.annotate(
        "chance",
        (1, 100 / len(report.classes)),
        xycoords=("axes fraction", "data"),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        fontsize=7,
        color=FAINT,
    )
    axes.set_ylim(0, 102)


def _draw_balance(axes: Axes, report: BalanceReport) -> None:
    """The colour tells the modality; where a balance reports more than one number of each, the dash tells which."""
    axes.set_title("what the balance reported, mean over an epoch", loc="left", fontsize=9, color=INK)
    lines: list[Line] = []
    kinds: list[str] = []
    for name, curve in report.balance.items():
        owner = next((m for m in report.modalities if name.endswith(f"_{m}")), None)
        kind = name if owner is None else name.removesuffix(f"_{owner}")
        kinds += [] if kind in kinds else [kind]
        colour, marker = (INK, ".") if owner is None else _look(report.modalities.index(owner))
        dash = DASHES[kinds.index(kind) % len(DASHES)]
        lines.append(Line(name.replace("_", " "), curve, colour, marker, dash))
    _draw_lines(axes, report, lines)
    low, high = axes.get_ylim()
    axes.set_ylim(min(0, low), 1.05 * high)


def _draw_lines(axes: Axes, report: BalanceReport, lines: Sequence[Line]) -> None:
    from matplotlib.ticker import MaxNLocator

    few = len(report.epochs) <= MARKED_EPOCHS
    for line in lines:
        axes.plot(
            report.epochs,
            [float("nan") if value is None else value for value in line.values],
            label=line.label,
            color=line.colour,
            marker=line.marker if few else "",
            markersize=4.5,
            linestyle=line.dash,
            linewidth=line.width,
        )
    if report.best_epoch is not None:
        axes.axvline(report.best_epoch, color=FAINT, linewidth=0.9, linestyle="--", label="epoch kept", zorder=0)
    axes.set_xlabel("epoch", fontsize=8, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(report.epochs[0] - 0.5, report.epochs[-1] + 0.5)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=4, frameon=False, fontsize=8, labelcolor=INK)
    axes.grid(axis="y", color="#ececf0", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)


def _look(i: int) -> tuple[str, str]:
    """Colour and mark of the i-th modality."""
    return COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]


def _percent(curve: Curve) -> Curve:
    return tuple(None if value is None else 100 * value for value in curve)
