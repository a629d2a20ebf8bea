"""The robustness of a run as a picture: a panel for each kind of harm, a line for each modality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from colliculus.cli.balance_picture import COLOURS, MARKERS
from colliculus.cli.health_picture import FAINT, INK
from colliculus.evaluation.conditions import TITLES

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from colliculus.evaluation.robustness import Curve

COLUMNS = 3


def draw(curves: Sequence[Curve], title: str, path: Path, *, clean: float, chance: float) -> None:
    """Draw `curves` into a PNG.

    Args:
        curves: at least one.
        title: stands above.
        path: the file to write.
        clean: accuracy without harm, a dashed line.
        chance: accuracy of guessing, a dotted line.

    Raises:
        ImportError: matplotlib, an extra, is not installed.
    """
    from matplotlib.figure import Figure  # no pyplot: nothing global, no window

    kinds = list(dict.fromkeys(curve.kind for curve in curves))
    targets = list(dict.fromkeys(curve.target for curve in sorted(curves, key=lambda c: c.target.count("+"))))
    columns = min(COLUMNS, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(max(4.6, 3.6 * columns), 0.9 + 2.7 * rows), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, kind in zip(panels, kinds, strict=False):
        chosen = [curve for curve in curves if curve.kind == kind]
        (_draw_bars if chosen[0].area is None else _draw_lines)(axes, chosen, targets)
        _dress(axes, chosen[0], clean, chance)
    for axes in panels[len(kinds) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel("accuracy, %", fontsize=8, color=INK)
    lines, names = _legend(targets)
    figure.legend(lines, names, loc="outside lower center", ncols=6, frameon=False, fontsize=8, labelcolor=INK)
    figure.savefig(path, dpi=150, facecolor="white")


def _draw_lines(axes: Axes, curves: Sequence[Curve], targets: Sequence[str]) -> None:
    from matplotlib.ticker import MaxNLocator

    for curve in curves:
        colour, marker = _look(targets.index(curve.target))
        levels = [float(level) for level in curve.levels]
        lowest, highest, accuracy = ([100 * x for x in y] for y in (curve.lowest, curve.highest, curve.accuracy))
        axes.fill_between(levels, lowest, highest, color=colour, alpha=0.15, linewidth=0)
        axes.plot(levels, accuracy, color=colour, marker=marker, markersize=4, linewidth=1.6, clip_on=False)
    axes.set_xlabel(curves[0].unit, fontsize=8, color=INK)
    if curves[0].kind in ("white", "pink"):
        axes.invert_xaxis()  # harm grows to the right in every panel
    if curves[0].kind == "shift":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_bars(axes: Axes, curves: Sequence[Curve], targets: Sequence[str]) -> None:
    words = [str(level) for level in curves[0].levels]
    width = 0.8 / len(curves)
    for i, curve in enumerate(curves):
        colour, _ = _look(targets.index(curve.target))
        places = [x + (i - (len(curves) - 1) / 2) * width for x in range(len(words))]
        axes.bar(places, [100 * x for x in curve.accuracy], width=0.92 * width, color=colour)
    axes.set_xticks(range(len(words)), words)
    axes.set_xlabel(curves[0].unit, fontsize=8, color=INK)


def _dress(axes: Axes, curve: Curve, clean: float, chance: float) -> None:
    axes.set_title(TITLES[curve.kind], loc="left", fontsize=9, color=INK)
    axes.axhline(100 * clean, color=INK, linewidth=0.9, linestyle="--", zorder=0)
    axes.axhline(100 * chance, color=FAINT, linewidth=0.9, linestyle=":", zorder=0)
    axes.set_ylim(0, 102)
    axes.grid(axis="y", color="#ececf0", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)


def _legend(targets: Sequence[str]) -> tuple[list[Artist], list[str]]:
    from matplotlib.lines import Line2D

    looks = [_look(i) for i in range(len(targets))]
    lines: list[Artist] = [Line2D([], [], color=c, marker=m, markersize=4, linewidth=1.6) for c, m in looks]
    lines += [Line2D([], [], color=INK, linestyle="--", linewidth=0.9)]
    lines += [Line2D([], [], color=FAINT, linestyle=":", linewidth=0.9)]
    return lines, [*(target.replace("+", " and ") for target in targets), "without harm", "chance"]


def _look(i: int) -> tuple[str, str]:
    """Colour and mark of the i-th target."""
    return COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
