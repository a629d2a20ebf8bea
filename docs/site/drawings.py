"""The drawings of the pages, as SVG in the palette of the charts; `python docs/site/drawings.py` writes them.

A drawing follows the reader's choice of light or dark by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from colliculus.figures.palette import css

FOLDER = Path(__file__).parents[1] / "pictures"
STYLE = """
text { font: 17px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; dominant-baseline: central }
.small { font-size: 14px; fill: var(--faint) }
.box { fill: var(--raised); stroke: var(--faint); stroke-width: 1.5 }
.line { fill: none; stroke: var(--faint); stroke-width: 2 }
"""
A, V, BOTH, PLAIN = "c1", "c2", "c3", "faint"
"""Colours of audio, visual, what joins them, and the rest."""


class Drawing:
    """Shapes one after the other; a point is (x, y) in pixels from the upper left corner.

    Args:
        title: sentence for readers who do not see the drawing.
        width: in pixels.
        height: in pixels.
    """

    def __init__(self, title: str, width: int, height: int) -> None:
        self.head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
            f"<title>{escape(title)}</title>\n<style>\n{css()}{STYLE}</style>\n"
            f'<rect width="{width}" height="{height}" rx="12" fill="var(--ground)"/>\n'
        )
        self.shapes: list[str] = []

    def box(self, x: int, y: int, width: int, height: int, lines: str, colour: str = PLAIN) -> None:
        """A box with its centre at (x, y); the first line is its name, others are smaller."""
        self.shapes.append(
            f'<rect class="box" x="{x - width // 2}" y="{y - height // 2}" width="{width}" height="{height}" rx="8"'
            f' style="stroke: var(--{colour})"/>'
        )
        first, *rest = lines.split("\n")
        top = y - 10 * len(rest)
        self.text(x, top, first)
        for i, line in enumerate(rest):
            self.text(x, top + 22 + 18 * i, line, small=True)

    def text(self, x: int, y: int, words: str, *, small: bool = False) -> None:
        """Words centred at (x, y)."""
        kind = ' class="small"' if small else ""
        self.shapes.append(f'<text x="{x}" y="{y}"{kind}>{escape(words)}</text>')

    def arrow(self, *points: tuple[int, int], colour: str = PLAIN) -> None:
        """A line through the points with a head at the last one."""
        (x0, y0), (x, y) = points[-2:]
        length = max(abs(x - x0), abs(y - y0))
        dx, dy = (x - x0) / length, (y - y0) / length  # of unit length where a line is level or upright
        path = " ".join(f"{a},{b}" for a, b in [*points[:-1], (round(x - 6 * dx), round(y - 6 * dy))])
        corners = ((x, y), (x - 10 * dx - 5 * dy, y - 10 * dy + 5 * dx), (x - 10 * dx + 5 * dy, y - 10 * dy - 5 * dx))
        head = " ".join(f"{a:g},{b:g}" for a, b in corners)
        self.shapes.append(f'<polyline class="line" points="{path}" style="stroke: var(--{colour})"/>')
        self.shapes.append(f'<polygon points="{head}" fill="var(--{colour})"/>')

    def spikes(self, x: int, y: int, colour: str, steps: str = "10110101101") -> None:
        """A train of spikes, a tick for each 1, its middle at (x, y)."""
        left = x - 4 * len(steps)
        path = " ".join(f"M{left + 8 * i},{y - 8}v16" for i, step in enumerate(steps) if step == "1")
        self.shapes.append(f'<path class="line" d="{path}" style="stroke: var(--{colour})"/>')

    def svg(self) -> str:
        """The file."""
        return self.head + "\n".join(self.shapes) + "\n</svg>\n"


def flow() -> Drawing:
    """Data, spikes, tokens, fusion, decision: every method of the library."""
    d = Drawing(
        "Sound and images become spikes, spikes become tokens, fusion joins them, and a head decides.", 760, 270
    )
    for y, colour, name, shape in ((56, A, "sound", "spectrogram"), (196, V, "images", "frames")):
        d.box(72, y, 116, 74, f"{name}\n{shape}", colour)
        d.arrow((130, y), (178, y), colour=colour)
        d.box(232, y, 108, 74, "coding\n ", colour)
        d.spikes(232, y + 16, colour, "101101011" if colour == A else "110010110")
        d.arrow((286, y), (334, y), colour=colour)
        d.box(390, y, 112, 74, "encoder\ntokens", colour)
        d.arrow((446, y), (494, y), colour=colour)
    d.box(552, 126, 116, 214, "fusion\nwhat each\nmodality says,\nand what they\nsay together", BOTH)
    d.arrow((610, 126), (652, 126), colour=BOTH)
    d.box(700, 126, 96, 96, "head\ndecision at\nevery step", PLAIN)
    d.text(380, 252, "T time steps, from the left to the right; membranes remember between them", small=True)
    return d


def s_cmrl() -> Drawing:
    """S-CMRL: each stream receives a residual of the other, and residuals of one class are aligned."""
    d = Drawing(
        "S-CMRL: each modality receives a cross-modal residual, and the residuals are aligned by class.", 760, 310
    )
    for y, colour, name, bend, top in ((50, A, "audio", 160, 108), (230, V, "visual", 190, 172)):
        d.box(70, y, 112, 62, f"{name}\ntokens", colour)
        d.arrow((126, y), (424, y), colour=colour)
        d.arrow((bend, y), (bend, 140), (222, 140), colour=colour)
        d.box(444, y, 40, 40, "+", colour)
        d.arrow((464, y), (530, y), colour=colour)
        d.box(574, y, 88, 56, "MLP", colour)
        d.arrow((618, y), (702, y), (702, top), colour=colour)
        d.text(486, 94 if colour == A else 186, "\u00d7 alpha", small=True)
    d.box(304, 140, 164, 96, "spiking attention\nover tokens,\nover time steps", BOTH)
    d.arrow((386, 120), (444, 120), (444, 72), colour=BOTH)
    d.arrow((386, 160), (444, 160), (444, 208), colour=BOTH)
    d.arrow((386, 140), (514, 140), colour=BOTH)
    d.box(574, 140, 120, 62, "alignment\nby class", BOTH)
    d.box(702, 140, 84, 62, "head\nsum", PLAIN)
    d.text(380, 290, "a residual is what one modality receives from the other at the same tokens and steps", small=True)
    return d


def taaf() -> Drawing:
    """TAAF: alignment in time, and scores of the steps that weigh decision, loss and balance."""
    d = Drawing("TAAF: streams are aligned in time; scores of the steps weigh decision, loss and balance.", 760, 330)
    for y, colour, name in ((70, A, "audio"), (230, V, "visual")):
        d.box(72, y, 116, 66, f"{name}\nspiking ResNet", colour)
        d.arrow((130, y), (186, y), colour=colour)
        d.box(248, y, 124, 66, "alignment\nshifts steps", colour)
        d.spikes(248, y + 50, colour, "011010110" if colour == A else "001101011")
        d.arrow((310, y), (352, y), (352, 150), (392, 150), colour=colour)
    d.box(450, 150, 116, 76, "attention\na score for\neach step", BOTH)
    ends = ((56, "decision", "steps weighed"), (150, "loss", "steps weighed"), (244, "balance", "slows the leader"))
    for y, name, words in ends:
        d.arrow((508, 150), (546, 150), (546, y), (590, y), colour=BOTH)
        d.box(664, y, 148, 66, f"{name}\n{words}", PLAIN)
    d.text(380, 310, "one score says when a clip has something to say, and which modality is ahead", small=True)
    return d


DRAWINGS: dict[str, Callable[[], Drawing]] = {"flow": flow, "s_cmrl": s_cmrl, "taaf": taaf}
"""Every drawing by the name of its file."""

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        (FOLDER / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")
