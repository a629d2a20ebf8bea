"""How a run stands what spoils its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from colliculus.evaluation.corruption.plan import TITLES
from colliculus.report.charts import Axes, Series, bar, lines
from colliculus.report.figures import Figure
from colliculus.report.folder import Material
from colliculus.report.markup import Html, join, note, percent, table, tag
from colliculus.report.setting import absent

NOISE = "white"

Curve = Mapping[str, Any]


def noise_area(material: Material) -> Figure | None:
    """Mean accuracy under white noise in %, over its levels and targets; None where it was not measured."""
    document = material.analyses.get("robustness")
    curves = [] if document is None else _of(NOISE, document["curves"])
    if document is None or not curves:
        return None
    about = {
        "data": document["fingerprint"],
        "part of the data": document["split"],
        "noise of the training": document["snr_db"],
        "modalities that get noise": [curve["target"] for curve in curves],
        "levels": [curve["levels"] for curve in curves],
        "number of seeds": document["settings"]["seeds"],
    }
    return Figure(f"{100 * fmean(curve['area'] for curve in curves):.1f}", about)


def robustness(material: Material) -> Html:
    """A drawing for each kind of harm, the table of areas, and what is left where a modality is missing."""
    document = material.analyses.get("robustness")
    if document is None:
        return absent(material, "robustness", "How it stands noise and loss")
    curves: Sequence[Curve] = document["curves"]
    kinds = list(dict.fromkeys(curve["kind"] for curve in curves))
    drawn = [_drawing(kind, curves, document) for kind in kinds if _of(kind, curves)]
    own = ", ".join(f"{snr_db:g} dB on {m}" for m, snr_db in document["snr_db"].items())
    anyway = f" The noise of the training ({own}) stays, but where noise itself is measured." if own else ""
    why_not = [note(f"{_title(kind)}: not measured, {why}.") for kind, why in document["not_applicable"].items()]
    return join(
        note(
            f"Accuracy: {percent(document['clean'])} without harm, {percent(document['chance'])} by chance. "
            f"Bands reach from the lowest to the highest seed of the harm.{anyway}"
        ),
        tag("div", *drawn, attributes={"class": "grid"}),
        _areas(curves),
        _by_word(curves),
        *why_not,
    )


def _title(kind: str) -> str:
    """A kind of harm as the beginning of a line; a later version may know more of them."""
    title = TITLES.get(kind, kind)
    return title[:1].upper() + title[1:]


def _of(kind: str, curves: Sequence[Curve]) -> list[Curve]:
    """The curves of that kind that can be drawn."""
    return [c for c in curves if c["kind"] == kind and c["area"] is not None]


def _drawing(kind: str, curves: Sequence[Curve], document: Mapping[str, Any]) -> Html:
    mine = _of(kind, curves)
    title = _title(kind)
    axes = Axes(
        title=f"{title}: accuracy by level",
        across=mine[0]["unit"],
        up="accuracy, %",
        low=0,
        high=100,
        level=(100 * document["clean"], "without harm"),
    )
    return lines(axes, [_series(curve) for curve in mine], f"{title}.")


def _series(curve: Curve) -> Series:
    points = [(x, 100 * y) for x, y in zip(curve["levels"], curve["accuracy"], strict=True)]
    reach = zip(curve["levels"], curve["lowest"], curve["highest"], strict=True)
    band = [(x, 100 * low, 100 * high) for x, low, high in reach]
    return Series(curve["target"], points, band if curve["lowest"] != curve["highest"] else ())


def _areas(curves: Sequence[Curve]) -> Html:
    rows = [
        [
            f"{_title(curve['kind'])}: {curve['target']}",
            bar(curve["area"], None, f"{100 * curve['area']:.1f}"),
            "-" if curve["retained"] is None else f"{100 * curve['retained']:.1f}",
        ]
        for curve in curves
        if curve["area"] is not None
    ]
    if not rows:
        return Html()
    header = ["harm", "area, %", "retained, %"]
    return join(
        table("Area under the curves", header, rows),
        note(
            "Area: mean accuracy along the curve. Retained: that area beyond chance, as a share of the accuracy "
            "without harm beyond chance."
        ),
    )


def _by_word(curves: Sequence[Curve]) -> Html:
    """Harms whose levels are words, such as the ways in which a modality may be missing."""
    rows = [
        [f"{_title(curve['kind'])}: {curve['target']}", str(level), bar(x, None, f"{100 * x:.1f}")]
        for curve in curves
        if curve["area"] is None
        for level, x in zip(curve["levels"], curve["accuracy"], strict=True)
    ]
    return table("What is left", ["harm", "how", "accuracy, %"], rows) if rows else Html()
