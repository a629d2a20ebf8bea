"""Time in the picture of a run's balance: the score of every step by class, and the alignment of each modality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colliculus.cli.balance_report import BalanceReport
from colliculus.cli.health_picture import INK, STEPS_WITH_NUMBERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import TwoSlopeNorm
    from matplotlib.figure import SubFigure

    from colliculus.evaluation.time_alignment import AlignmentMatrix
    from colliculus.evaluation.time_weights import TimeWeights

MORE_OR_LESS = "PuOr_r"
"""From violet (less) over white to orange (more), which those who are colour-blind tell apart."""
NO_SAMPLE, WARP = "#d9d9de", "#0072B2"
DARK = 0.57
"""Brightness (0 to 1) below which a number is written in white."""
CLASSES_WITH_NAMES, LETTERS_OF_A_NAME, NUMBERED_STEPS = 30, 16, 12


def draw_scores(part: SubFigure, report: BalanceReport) -> None:
    """A heat map of each stream: classes down, steps across; white is what a step has where all count alike."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import TwoSlopeNorm

    alike = 100 / len(next(iter(report.time_weights.values())).mean)
    strongest = 100 * max(x for u in report.time_weights.values() for row in u.by_class if row for x in row)
    norm = TwoSlopeNorm(vmin=0, vcenter=alike, vmax=max(2 * alike, strongest))
    _title(part, f"temporal attention score of each step by class, % (white: all steps alike, {alike:.3g} each)")
    axes = part.subplots(1, len(report.time_weights), sharey=True, squeeze=False)[0]
    for one, (stream, weights) in zip(axes, report.time_weights.items(), strict=True):
        _draw_stream(one, weights, norm)
        _dress(one, stream, "time step", len(weights.mean))
    every = -(-len(report.classes) // CLASSES_WITH_NAMES)
    names = [n if len(n) <= LETTERS_OF_A_NAME else f"{n[: LETTERS_OF_A_NAME - 1]}…" for n in report.classes]
    axes[0].set_yticks(range(0, len(names), every), names[::every])
    bar = part.colorbar(ScalarMappable(norm, MORE_OR_LESS), ax=axes.tolist(), pad=0.01, aspect=14)
    bar.ax.tick_params(labelsize=7, colors=INK)


def _draw_stream(axes: Axes, weights: TimeWeights, norm: TwoSlopeNorm) -> None:
    nothing = [float("nan")] * len(weights.mean)
    rows = [nothing if row is None else [100 * x for x in row] for row in weights.by_class]
    axes.set_facecolor(NO_SAMPLE)
    image = axes.imshow(rows, aspect="auto", cmap=MORE_OR_LESS, norm=norm, interpolation="nearest")
    if len(weights.mean) > STEPS_WITH_NUMBERS or len(rows) > CLASSES_WITH_NAMES:
        return
    for y, row in enumerate(rows):
        if weights.by_class[y] is None:
            axes.text((len(row) - 1) / 2, y, "no sample", ha="center", va="center", fontsize=7, color=INK)
            continue
        for x, value in enumerate(row):
            red, green, blue, _ = image.cmap(norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < DARK
            axes.text(x, y, f"{value:.1f}", ha="center", va="center", fontsize=7, color="white" if dark else INK)


def draw_alignments(part: SubFigure, report: BalanceReport) -> None:
    """The matrix of each modality: common steps down, its own steps across, and the line along which it looks."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import TwoSlopeNorm

    _title(part, "time alignment: weight of each step of a modality in each common step (white: none)")
    largest = max(abs(x) for found in report.alignments.values() for row in found.matrix for x in row)
    norm = TwoSlopeNorm(vmin=-largest, vcenter=0, vmax=largest)
    axes = part.subplots(1, len(report.alignments), squeeze=False)[0]
    for one, (modality, found) in zip(axes, report.alignments.items(), strict=True):
        _draw_matrix(one, found, norm)
        _dress(one, f"{modality} ({found.kind})", f"step of {modality}", len(found.matrix[0]))
    axes[0].set_ylabel("common step", fontsize=8, color=INK)
    bar = part.colorbar(ScalarMappable(norm, MORE_OR_LESS), ax=axes.tolist(), pad=0.01, aspect=14)
    bar.ax.tick_params(labelsize=7, colors=INK)


def _draw_matrix(axes: Axes, found: AlignmentMatrix, norm: TwoSlopeNorm) -> None:
    axes.imshow(found.matrix, aspect="auto", cmap=MORE_OR_LESS, norm=norm, interpolation="nearest")
    num_steps = len(found.matrix)
    _draw_path(axes, found.interpolated, "interpolation", colour=INK, dash="--", marker="")
    if found.positions is not None:
        _draw_path(axes, found.positions, "learned warp", colour=WARP, dash="-", marker="o")
    every = -(-num_steps // NUMBERED_STEPS)
    axes.set_yticks(range(0, num_steps, every), [str(1 + t) for t in range(0, num_steps, every)])
    axes.set_ylim(num_steps - 0.5, -0.5)
    axes.set_xlim(-0.5, len(found.matrix[0]) - 0.5)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, frameon=False, fontsize=8, labelcolor=INK)


def _draw_path(axes: Axes, positions: tuple[float, ...], label: str, *, colour: str, dash: str, marker: str) -> None:
    """Where each common step looks, over a white line, or dark cells would hide it."""
    steps = range(len(positions))
    axes.plot(positions, steps, color="white", linewidth=3.2, alpha=0.8)
    axes.plot(positions, steps, color=colour, linestyle=dash, linewidth=1.3, marker=marker, markersize=4, label=label)


def _title(part: SubFigure, text: str) -> None:
    part.suptitle(text, x=0.01, ha="left", fontsize=10, color=INK)


def _dress(axes: Axes, title: str, across: str, num_steps: int) -> None:
    axes.set_title(title, loc="left", fontsize=9, color=INK)
    axes.set_xlabel(across, fontsize=8, color=INK)
    every = -(-num_steps // NUMBERED_STEPS)
    axes.set_xticks(range(0, num_steps, every), [str(1 + t) for t in range(0, num_steps, every)])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8, colors=INK)
