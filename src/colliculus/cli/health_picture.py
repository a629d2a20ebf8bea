"""Spike health as a picture: the rate of every layer, at every time step, and how many of its neurons never fire."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from colliculus.evaluation.spike_health import HEALTHY_RATE, LayerHealth, SpikeHealth

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, BAND = "#2b2b33", "#8a8a94", "#eef3f1"
HEALTHY, ODD, SILENT = "#2a9d8f", "#e9a23b", "#d1495b"
STEPS_WITH_NUMBERS = 8


def draw(health: SpikeHealth, title: str, path: Path) -> None:
    """Draw `health` into a PNG.

    Args:
        health: of one batch.
        title: stands above.
        path: the file to write.

    Raises:
        ImportError: matplotlib, an extra, is not installed.
    """
    from matplotlib.figure import Figure  # no pyplot: nothing global, no window

    layers = health.layers
    figure = Figure(figsize=(10, 1.5 + 0.24 * len(layers)), layout="constrained")
    rate, steps, silent = figure.subplots(1, 3, sharey=True, width_ratios=[5, 4, 1.6])
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    _draw_rates(rate, layers)
    _draw_steps(steps, layers)
    _draw_silent(silent, layers)
    for axes in (rate, steps, silent):
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=8, colors=INK)
        for border in _borders(layers):
            axes.axhline(border, color=FAINT, linewidth=0.6)
    figure.savefig(path, dpi=150, facecolor="white")


def _draw_rates(axes: Axes, layers: Sequence[LayerHealth]) -> None:
    low, high = HEALTHY_RATE
    axes.set_title(f"firing rate (band: {low:.0%} to {high:.0%})", loc="left", fontsize=9, color=INK)
    axes.axvspan(100 * low, 100 * high, color=BAND, zorder=0)
    axes.barh(
        range(len(layers)), [100 * layer.rate for layer in layers], color=[_colour(x) for x in layers], height=0.68
    )
    for y, layer in enumerate(layers):
        label = f"{layer.rate:.1%}" if layer.rate else "silent"
        axes.text(
            100 * layer.rate + 0.8, y, label, va="center", fontsize=7.5, color=_colour(layer) if not layer.rate else INK
        )
    axes.set_xlim(0, max(10, 125 * max(layer.rate for layer in layers)))
    axes.set_xticks([])
    names = [layer.label for layer in layers]
    longest = max(map(len, names))
    axes.set_yticks(range(len(layers)), [name.ljust(longest) for name in names], family="monospace")
    axes.set_ylim(len(layers) - 0.5, -0.5)


def _draw_steps(axes: Axes, layers: Sequence[LayerHealth]) -> None:
    rates = [[100 * rate for rate in layer.step_rates] for layer in layers]
    num_steps = max(map(len, rates))  # modalities may have steps of their own number
    padded = [row + [float("nan")] * (num_steps - len(row)) for row in rates]
    brightest = max(10.0, *(max(row) for row in rates))
    axes.set_title("rate at each time step, %", loc="left", fontsize=9, color=INK)
    axes.imshow(padded, aspect="auto", cmap="GnBu", vmin=0, vmax=brightest, interpolation="nearest")
    axes.set_xticks(range(num_steps), [str(step + 1) for step in range(num_steps)])
    axes.xaxis.tick_bottom()
    if num_steps > STEPS_WITH_NUMBERS:
        return
    for y, row in enumerate(rates):
        for x, value in enumerate(row):
            dark = value > 0.6 * brightest
            axes.text(x, y, f"{value:.1f}", ha="center", va="center", fontsize=7, color="white" if dark else INK)


def _draw_silent(axes: Axes, layers: Sequence[LayerHealth]) -> None:
    axes.set_title("never fire", loc="left", fontsize=9, color=INK)
    axes.barh(range(len(layers)), [layer.silent for layer in layers], color="#c9c9d2", height=0.68)
    for y, layer in enumerate(layers):
        axes.text(0.03, y, f"{layer.silent:.0%}", va="center", fontsize=7.5, color=INK)
    axes.set_xlim(0, 1)
    axes.set_xticks([])


def _colour(layer: LayerHealth) -> str:
    if not layer.rate:
        return SILENT
    low, high = HEALTHY_RATE
    return HEALTHY if low <= layer.rate <= high else ODD


def _borders(layers: Sequence[LayerHealth]) -> list[float]:
    """Between which rows one part of the model ends and the next begins."""
    return [y - 0.5 for y in range(1, len(layers)) if layers[y].part != layers[y - 1].part]
