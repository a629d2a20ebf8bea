"""Example clips: inputs, maps over them, spikes, and the prediction by time step."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colliculus.evaluation.explanation.clip import SPIKES, ClipImage, ExplainedClip
from colliculus.evaluation.explanation.record import Explanation
from colliculus.evaluation.time_weights import time_weights_panels
from colliculus.figures import Bars, BarSeries, Lines, Panel, Series, figure
from colliculus.report.material import Material

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ShownImage:
    """An image within the page.

    Args:
        source: data URL of its PNG.
        alt: description for readers who do not see it.
        caption: line below it.
        kind: "raster", "strip" for a wide one, or empty.
    """

    source: str
    alt: str
    caption: str
    kind: str


@dataclass(frozen=True)
class ShownClip:
    """A clip as the page shows it.

    Args:
        title: class, prediction and probability.
        rows: images of each modality, and the spikes.
        figure: prediction by time step, probable classes, and evidence of the modalities.
    """

    title: str
    rows: Sequence[Sequence[ShownImage]]
    figure: Figure


def shown_clips(material: Material, record: Explanation, most_bytes: int) -> list[ShownClip]:
    """The explained clips, from the first, as many as `most_bytes` of images allow; at least one."""
    folder = (material.folder / record.FILE).parent
    shown: list[ShownClip] = []
    total = 0
    for clip in record.clips:
        rows = [list(row) for row in _rows(clip, folder)]
        total += sum(len(image.source) for row in rows for image in row)
        if shown and total > most_bytes:
            break
        verdict = "recognised" if clip.label == clip.predicted else f"predicted as {clip.predicted}"
        title = f"Clip {clip.index}: {clip.label}, {verdict} ({100 * clip.probability:.1f} %)"
        shown.append(ShownClip(title, rows, _figure(clip)))
    return shown


def time_scores(record: Explanation) -> Figure | None:
    """Temporal attention scores of each stream by class and time step; None where the model has none."""
    return figure(time_weights_panels(record.time_weights, record.classes)) if record.time_weights else None


def _rows(clip: ExplainedClip, folder: Path) -> Iterator[Iterator[ShownImage]]:
    there = [image for image in clip.images if _path(folder, image).exists()]
    for modality in dict.fromkeys(image.modality for image in there):
        yield (_image(image, clip, folder) for image in there if image.modality == modality)


def _path(folder: Path, image: ClipImage) -> Path:
    """File of an image, in the folder of explanations whatever path its record gives."""
    return folder / Path(image.file).name


def _image(image: ClipImage, clip: ExplainedClip, folder: Path) -> ShownImage:
    content = _path(folder, image).read_bytes()
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))  # of a PNG's header
    raster = image.modality == SPIKES
    caption = f"Spikes of {image.title}" if raster else f"{image.modality}: {image.title}"
    return ShownImage(
        source="data:image/png;base64," + b64encode(content).decode(),
        alt=f"{caption}; clip {clip.index} of class {clip.label}, predicted as {clip.predicted}",
        caption=caption,
        kind="raster" if raster else "strip" if width > 2 * height else "",
    )


def _figure(clip: ExplainedClip) -> Figure:
    steps = range(1, len(clip.step_probabilities) + 1)
    curves = {f"probability of {clip.predicted}": clip.step_probabilities}
    curves |= {f"weight of the step, {stream}": weights for stream, weights in clip.time_weights.items()}
    series = [Series(name=name, x=steps, y=[100 * share for share in shares]) for name, shares in curves.items()]
    best = sorted(clip.probabilities.items(), key=lambda item: -item[1])[:3]
    shares = BarSeries(values=[100 * p for _, p in best], labels=[f"{100 * p:.1f}" for _, p in best])
    title = f"Probability of {clip.predicted} after each time step, %"
    panels: list[Panel] = [
        Lines(series=series, title=title, xlabel="time steps", low=0, high=100, whole=True),
        Bars(names=[name for name, _ in best], series=[shares], title="Most probable classes, %", low=0, high=115),
    ]
    if clip.evidence:
        found = BarSeries(values=list(clip.evidence.values()), labels=[f"{x:+.2f}" for x in clip.evidence.values()])
        title = f"Evidence for {clip.predicted}, in its logit"
        panels.append(Bars(names=list(clip.evidence), series=[found], title=title))
    return figure(panels)
