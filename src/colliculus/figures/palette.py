"""Colours, markers and dashes of every chart, and the same colours as CSS variables of the HTML page."""

from __future__ import annotations

LIGHT = {
    "ground": "#ffffff",
    "raised": "#f5f6f8",
    "ink": "#1c1d22",
    "faint": "#595c66",
    "line": "#d5d8df",
    "accent": "#0b5cad",
    "heat": "#0b6fb8",
    "warn": "#8a4b00",
    "warn-ground": "#fff4e0",
    "c0": "#2b2c33",
    "c1": "#0072b2",
    "c2": "#c04e00",
    "c3": "#007a59",
    "c4": "#a8477f",
    "c5": "#8a6d00",
    "c6": "#4a90c2",
    "c7": "#7a52a8",
}
"""Name of a colour and its value on white. Text and lines reach a contrast of 4.5 to 1 with the ground, but for c6."""

DARK = {
    "ground": "#15171c",
    "raised": "#1f2229",
    "ink": "#e9eaee",
    "faint": "#a9adb8",
    "line": "#3a3e48",
    "accent": "#7db8f2",
    "heat": "#3d8fd6",
    "warn": "#ffc978",
    "warn-ground": "#33270f",
    "c0": "#dfe0e6",
    "c1": "#56b4e9",
    "c2": "#ff9e4f",
    "c3": "#3fcf9f",
    "c4": "#eb94c4",
    "c5": "#e6c84a",
    "c6": "#8ec7ee",
    "c7": "#c3a3ea",
}
"""The same names on a dark page."""

SERIES = ("c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7")
"""Colours of series: Okabe and Ito's hues, which colour-blind readers can tell apart, darkened for thin lines."""
GOOD, ODD, BAD = "c1", "c5", "c2"
"""Colours of a healthy, an unusual and a failing value: blue, yellow and orange."""
DASHES = ("-", "--", ":", "-.")
MARKERS = "osD^vPX*"


def look(i: int) -> tuple[str, str, str]:
    """Colour (as hex), marker and dash of the i-th series; series of the same colour differ in their marker.

    Example:
        >>> look(1)
        ('#0072b2', 's', '--')
    """
    rounds, place = divmod(i, len(SERIES))
    return LIGHT[SERIES[place]], MARKERS[(place + rounds) % len(MARKERS)], DASHES[i % len(DASHES)]


def css() -> str:
    """CSS variables of the palette: light, dark where the reader's system asks for it, light again in print."""
    light, dark = (" ".join(f"--{name}: {value};" for name, value in p.items()) for p in (LIGHT, DARK))
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        f"@media print {{ :root {{ color-scheme: light; {light} }} }}\n"
    )


STYLE = {
    "font.size": 8,
    "font.family": "sans-serif",
    "text.color": LIGHT["ink"],
    "text.parse_math": False,
    "axes.edgecolor": LIGHT["faint"],
    "axes.labelcolor": LIGHT["ink"],
    "axes.linewidth": 0.7,
    "axes.titlecolor": LIGHT["ink"],
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.6,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.labelcolor": LIGHT["ink"],
    "figure.facecolor": LIGHT["ground"],
    "figure.constrained_layout.h_pad": 0.06,
    "svg.fonttype": "none",
}
"""Settings of matplotlib, over its own defaults: what a user's matplotlibrc holds does not change a chart."""
