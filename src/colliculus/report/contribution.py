"""What each modality gives, and how early the answer is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colliculus.report.charts import Axes, Series, bar, lines, signed_bar
from colliculus.report.folder import Material
from colliculus.report.markup import Html, facts, join, note, percent, table, tag
from colliculus.report.setting import absent


def contribution(material: Material) -> Html:
    """Shapley values over all clips and by class, accuracy alone and together, and the anytime curve."""
    document = material.analyses.get("contribution")
    if document is None:
        return absent(material, "contribution", "What each modality contributes")
    found: Mapping[str, Any] = document["contribution"]
    parts = [_given(found), _shares(found)]
    if len(found["modalities"]) > 1:
        parts.append(_by_class(found))
    return join(*parts, _anytime(found))


def _given(found: Mapping[str, Any]) -> Html:
    rows = [
        [
            " + ".join(one["modalities"]),
            bar(one["accuracy"], tuple(one["interval"]), f"{100 * one['accuracy']:.1f}"),
            f"{100 * one['probability']:.1f}",
        ]
        for one in found["given"]
    ]
    header = ["given", "accuracy, %", "probability of the true class, %"]
    return table(f"With some of its modalities ({found['total']:,} clips)", header, rows)


def _shares(found: Mapping[str, Any]) -> Html:
    rows = {f"{m}: share of the accuracy": _points(found["shapley_accuracy"][m]) for m in found["modalities"]}
    if len(found["modalities"]) > 1:
        rows |= {
            "together over the best alone": _points(found["gain_over_best"]),
            "interaction": f"{_points(found['interaction'])} ({_kind(found['interaction'])})",
        }
    chance = percent(found["chance"])
    return join(
        facts(rows),
        note(
            "Shares are Shapley values: what a modality adds, averaged over all orders in which they may join. They "
            f"sum to the accuracy beyond chance ({chance}). Interaction: what they have together beyond the sum of "
            "what each has alone; above 0 they complement each other, below 0 they say the same."
        ),
    )


def _kind(interaction: float) -> str:
    return "they complement each other" if interaction > 0 else "they overlap" if interaction < 0 else "neither"


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"


def _by_class(found: Mapping[str, Any]) -> Html:
    modalities: Sequence[str] = found["modalities"]
    largest = max((abs(x) for c in found["classes"] if c["shapley"] for x in c["shapley"].values()), default=0.0)

    def cells(one: Mapping[str, Any]) -> list[str]:
        if one["shapley"] is None:
            return ["-" for _ in modalities]
        return [signed_bar(one["shapley"][m], largest, f"{100 * one['shapley'][m]:+.1f}") for m in modalities]

    rows = [[one["name"], f"{one['total']:,}", *cells(one)] for one in found["classes"]]
    caption = "By class: Shapley value in the probability of the class, points, mean over its clips"
    return table(caption, ["class", "clips", *modalities], rows)


def _anytime(found: Mapping[str, Any]) -> Html:
    series = [
        Series(" + ".join(one["modalities"]), [(t + 1, 100 * x) for t, x in enumerate(one["step_accuracy"])])
        for one in reversed(found["given"])
        if one["step_accuracy"]
    ]
    axes = Axes(
        title="Accuracy of the same network run for fewer time steps",
        across="time steps run",
        up="accuracy, %",
        low=0,
        high=100,
        level=(100 * found["chance"], "chance"),
    )
    caption = (
        "The anytime curve: how right the answer is when the network runs for its first 1, 2, ... T time steps. Later "
        "ones are withheld; where streams are aligned in time (TAAF, Tectum) they count as zero."
    )
    return join(tag("h4", "Evidence by time step"), lines(axes, series, caption))
