"""Example clips: what the model was given, where it looked, what fired and what every step said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from colliculus.report.charts import Axes, Series, heat, lines, scatter, signed_bar
from colliculus.report.folder import Material
from colliculus.report.markup import Html, breakable, figure, join, note, percent, picture, table, tag
from colliculus.report.setting import absent

SPIKES = "spikes"
"""Stands in place of a modality below a raster."""


def examples(material: Material, most_bytes: int) -> Html:
    """The explained clips, as many as `most_bytes` of pictures allow, and how the features lie."""
    document = material.analyses.get("explain")
    if document is None:
        return absent(material, "explain", "What the model looks at")
    folder = material.folder / "explain"
    shown = _affordable(document["clips"], folder, most_bytes)
    clips = [_clip(one, folder) for one in document["clips"][:shown]]
    left = len(document["clips"]) - shown
    more = [note(f"{left} more explained in {folder}; they would make this page too large.")] if left else []
    return join(
        note(
            "Orange: what Grad-CAM and gradients find important for the class that was answered, and which tokens the "
            "attention drew on. Gradients of a spiking network are those of a stand-in for its spikes: take them as "
            "hints. Low frequencies lie below, time runs to the right."
        ),
        *clips,
        *more,
        _time_weights(document["time_weights"], material.run.spec.names),
        _features(document["features"], material.run.spec.names),
    )


def _affordable(clips: Sequence[Mapping[str, Any]], folder: Path, most_bytes: int) -> int:
    """How many of the clips, from the first, fit; at least one."""
    total = 0
    for i, one in enumerate(clips):
        total += sum(file.stat().st_size for p in one["pictures"] if (file := _file(folder, p)).exists()) * 4 // 3
        if i and total > most_bytes:
            return i
    return len(clips)


def _clip(one: Mapping[str, Any], folder: Path) -> Html:
    right = one["label"] == one["predicted"]
    verdict = "recognised" if right else f"taken for {one['predicted']}"
    title = tag("h4", f"Clip {one['index']}: {one['label']}, {verdict} ({percent(one['probability'])})")
    there = [p for p in one["pictures"] if _file(folder, p).exists()]
    kinds = dict.fromkeys(p["modality"] for p in there)
    rows = ([_picture(p, folder, one) for p in there if p["modality"] == kind] for kind in kinds)
    pictures = (tag("div", *row, attributes={"class": "pictures"}) for row in rows)
    detail = tag("div", _steps(one), _evidence(one), attributes={"class": "grid"})
    return tag("article", title, *pictures, detail, attributes={"class": "clip"})


def _file(folder: Path, one: Mapping[str, str]) -> Path:
    """A picture in the folder of explanations, whatever path its record names."""
    return folder / Path(one["file"]).name


def _picture(one: Mapping[str, str], folder: Path, clip: Mapping[str, Any]) -> Html:
    content = _file(folder, one).read_bytes()
    raster = one["modality"] == SPIKES
    words = f"Spikes of {one['title']}" if raster else f"{one['modality']}: {one['title']}"
    alt = f"{words}; clip {clip['index']} of class {clip['label']}, answered {clip['predicted']}"
    wide, high = _size(content)
    kind = "raster" if raster else "strip" if wide > 2 * high else ""
    return figure(picture(content, alt, kind="raster" if raster else "pixels"), breakable(words), kind=kind)


def _size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _steps(one: Mapping[str, Any]) -> Html:
    axes = Axes(
        title=f"Probability of {one['predicted']} by step, clip {one['index']}",
        across="time steps",
        up="probability, %",
        low=0,
        high=100,
    )
    series = [Series(one["predicted"], [(t + 1, 100 * x) for t, x in enumerate(one["step_probabilities"])])]
    weights = [
        Series(f"weight of the step, {stream}", [(t + 1, 100 * x) for t, x in enumerate(alpha)])
        for stream, alpha in one["time_weights"].items()
    ]
    said = (
        f"Probability of {one['predicted']} when the network runs for its first 1, 2, ... T steps, later ones withheld."
    )
    return lines(axes, [*series, *weights], said)


def _evidence(one: Mapping[str, Any]) -> Html:
    best = sorted(one["probabilities"].items(), key=lambda item: -item[1])[:3]
    rows = [[name, heat(share, percent(share))] for name, share in best]
    parts = [table("The most probable classes", ["class", "probability"], rows)]
    if one["evidence"]:
        largest = max(map(abs, one["evidence"].values()))
        found = [[m, signed_bar(x, largest, f"{x:+.2f}")] for m, x in one["evidence"].items()]
        parts.append(table(f"Evidence for {one['predicted']}, in its logit", ["modality", "evidence"], found))
    return tag("div", *parts)


def _time_weights(found: Mapping[str, Any], names: Sequence[str]) -> Html:
    """alpha_u(t): a row for each stream and class."""
    if not found:
        return Html()
    steps = len(next(iter(found.values()))["mean"])
    largest = max(x for u in found.values() for row in (u["mean"], *u["by_class"]) if row for x in row)

    def rows() -> Iterator[list[str]]:
        for stream, weights in found.items():
            for name, row in [("all", weights["mean"]), *zip(names, weights["by_class"], strict=True)]:
                if row is not None:
                    yield [stream, name, *(heat(x / largest, f"{100 * x:.1f}") for x in row)]

    header = ["stream", "class", *(f"step {t + 1}" for t in range(steps))]
    caption = f"Temporal attention score of each step, % (all alike: {100 / steps:.1f})"
    return join(tag("h4", "Which time steps count"), table(caption, header, list(rows())))


def _features(found: Mapping[str, Any], names: Sequence[str]) -> Html:
    """The joint feature in the plane."""
    share = percent(sum(found["pca_share"]))
    pca = f"Joint feature of {len(found['label']):,} clips: two principal components ({share} of the variance)"
    parts = [scatter(pca, found["pca"], found["label"], names)]
    if found["tsne"]:
        title = "The same by t-SNE: neighbours stay neighbours; distances between groups and their sizes mean nothing"
        parts.append(scatter(title, found["tsne"], found["label"], names))
    return join(tag("h4", "How the joint features lie"), tag("div", *parts, attributes={"class": "grid"}))
