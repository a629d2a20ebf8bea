"""One clip explained: its decision, its inputs and maps as images, and its spikes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from colliculus.data.dataset import Split
from colliculus.evaluation.anytime import outputs_by_step
from colliculus.evaluation.explanation.decision import Decision, decisions
from colliculus.evaluation.explanation.maps import (
    AttentionMap,
    GradientMaps,
    attention_maps,
    gradient_maps,
    spike_rasters,
)
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.figures import pixels
from colliculus.files.atomic import write_atomic
from colliculus.model import MultimodalSNN
from colliculus.types import Batch

SPECTROGRAMS = ("audio", "delta")
"""Modalities whose rows are frequencies from low to high: drawn with the low ones at the bottom."""
SPIKES = "spikes"
"""Stands in place of a modality for a raster."""
NEURONS_IN_A_RASTER = 96


@dataclass(frozen=True, kw_only=True)
class ClipImage:
    """An image file of a clip.

    Args:
        modality: that it shows, or "spikes".
        title: of the image.
        file: its name in the folder of the explanation.
    """

    modality: str
    title: str
    file: str


@dataclass(frozen=True)
class ExplainedClip(Decision):
    """The decision on one clip, with its images.

    Args:
        index: row of the clip in its split.
        label: its true class.
        time_weights: scores of the time steps by stream, where the model has any.
        images: inputs, maps over them and spike rasters.
    """

    index: int
    label: str
    time_weights: dict[str, tuple[float, ...]]
    images: tuple[ClipImage, ...]


@dataclass(frozen=True)
class ImageStore:
    """Image files of explained clips in a folder; those of another model, part or noise have other names.

    Args:
        folder: folder of the files.
        subject: everything that decides how the images look, as plain values.
    """

    folder: Path
    subject: Mapping[str, Any]

    @cached_property
    def _ending(self) -> str:
        return f"-{sha256(json.dumps(self.subject, sort_keys=True).encode()).hexdigest()[:8]}.png"

    def keep(self, index: int, name: str, content: bytes) -> str:
        """Write an image of a clip and return its file name."""
        file = f"clip-{index}-{name}{self._ending}"
        write_atomic(self.folder / file, content)
        return file

    def holds(self, images: Iterable[ClipImage]) -> bool:
        """True if the files of all images exist and belong to the subject."""
        return all(one.file.endswith(self._ending) and (self.folder / one.file).exists() for one in images)

    def remove_others(self) -> None:
        """Remove images of clips that belong to another subject."""
        for path in self.folder.glob("clip-*.png"):
            if not path.name.endswith(self._ending):
                path.unlink(missing_ok=True)


def explain_clip(run: TrainedRun, split: Split, index: int, store: ImageStore) -> ExplainedClip:
    """Explain one clip as the run sees it in its test, and write its images."""
    rows = np.array([index], dtype=np.int64)
    batch, clean = run.batch(split, rows), split.batch(rows, epoch=0).to(run.device)
    names = run.run.spec.names
    outputs = outputs_by_step(run.model, batch.inputs, run.time_steps)
    (decision,) = decisions(outputs, names)
    return ExplainedClip(
        **vars(decision),
        index=index,
        label=names[int(batch.labels[0])],
        time_weights={stream: tuple(weights[:, 0].tolist()) for stream, weights in outputs[-1].time_weights.items()},
        images=tuple(
            replace(image, file=store.keep(index, image.file, content)) for image, content in _images(run, batch, clean)
        ),
    )


def _images(run: TrainedRun, batch: Batch, clean: Batch) -> Iterator[tuple[ClipImage, bytes]]:
    """Every image of one clip, its short name in place of its file, with the PNG."""
    attention = attention_maps(run.model, batch.inputs)
    for m, maps in gradient_maps(run.model, batch.inputs).items():
        upside_down = m in SPECTROGRAMS
        shown = {"clean": ("input without its noise", clean)} if m in run.experiment.train.snr_db else {}
        for kind, (title, source) in (shown | {"input": ("input", batch)}).items():
            content = pixels.png(_frames(source.inputs[m]), upside_down=upside_down)
            yield ClipImage(modality=m, title=title, file=f"{m}-{kind}"), content
        frames = _frames(batch.inputs[m])
        for kind, title, heat in heat_maps(run.model, m, maps, attention):
            content = pixels.png(pixels.overlay(frames, heat.cpu().numpy()), upside_down=upside_down)
            yield ClipImage(modality=m, title=title, file=f"{m}-{kind}"), content
    rasters = spike_rasters(run.model, batch.inputs, NEURONS_IN_A_RASTER)
    last = {".".join(layer.split(".")[:2]): layer for layer in rasters}  # the last layer of each part
    for part, layer in last.items():
        content = pixels.raster_png(rasters[layer][0].cpu().numpy())
        yield ClipImage(modality=SPIKES, title=layer, file=f"{SPIKES}-{part}"), content


def _frames(inputs: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Frames of the first clip of a batch."""
    return pixels.frames(inputs[..., 0, :, :, :].cpu().numpy())


def heat_maps(
    model: MultimodalSNN, modality: str, maps: GradientMaps, attention: Sequence[AttentionMap]
) -> Iterator[tuple[str, str, Tensor]]:
    """The maps over one modality of the first clip: a short name, a title, and values (T', h, w)."""
    yield "cam", f"Grad-CAM at {maps.layer.removesuffix('.neuron')}", maps.cam[:, 0]
    strength = maps.gradient[:, 0] if maps.gradient.ndim == 4 else maps.gradient[0][None]
    yield "gradient", "gradient at the input", strength
    grids = (getattr(module, "grid", None) for module in model.encoders[modality].modules())
    grid = next((grid for grid in grids if isinstance(grid, tuple)), None)
    for i, one in enumerate(x for x in attention if x.source == modality):
        if grid is not None and one.received.shape[1] == grid[0] * grid[1]:
            yield f"attention-{i + 1}", f"attention received, {one.layer}", one.received[0].reshape(1, *grid)
