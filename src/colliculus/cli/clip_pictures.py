"""Clips, maps over them and spike rasters as small PNG files; a page may enlarge them, pixel by pixel."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image
    from torch import Tensor

    from colliculus.evaluation.maps import AttentionMap, GradientMaps
    from colliculus.model import MultimodalSNN

Floats = NDArray[np.float32]

SPECTROGRAMS = ("audio", "delta")
"""Modalities whose rows are frequencies from low to high: drawn with the low ones below."""
MOST_FRAMES = 8
MOST_PIXELS = 40_000
"""Of a picture, so that a page of them stays small."""
MOST_TRUE_COLOUR = 4096
"""Pixels beyond which 256 colours must do."""
SPIKE, HEAT = (59, 130, 246), np.array([255, 94, 0], dtype=np.float32)
"""A blue and an orange that are seen on white and on black."""


def frames_of(x: Tensor) -> Floats:
    """The inputs of one clip, (C, H, W) or (T, C, H, W), as pictures (T, H, W, 3) from 0 to 1."""
    values = x.detach().cpu().numpy().astype(np.float32)
    values = values[None] if values.ndim == 3 else values
    shown = values if values.shape[1] == 3 else values.mean(axis=1, keepdims=True).repeat(3, axis=1)
    low, high = float(shown.min()), float(shown.max())
    return np.moveaxis((shown - low) / max(high - low, 1e-6), 1, -1)


def over_frames(heat: Tensor, frames: Floats) -> Floats:
    """`frames` (T, H, W, 3) in grey, with `heat` (T', h, w) in orange over it; one frame gets the mean of all steps."""
    maps = heat.detach().cpu().numpy().astype(np.float32)
    if len(frames) == 1:
        maps = maps.mean(axis=0, keepdims=True)
    steps = np.arange(len(frames)) * len(maps) // len(frames)
    rows, columns = (
        np.arange(size) * part // size for size, part in zip(frames.shape[1:3], maps.shape[1:], strict=True)
    )
    placed = maps[steps][:, rows][:, :, columns][..., None] / max(float(maps.max()), 1e-12)
    grey = 0.75 * frames.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    return (1 - 0.85 * placed) * grey + 0.85 * placed * HEAT / 255


def png(frames: Floats, *, upside_down: bool = False) -> bytes:
    """Pictures (T, H, W, 3) from 0 to 1 beside each other."""
    from PIL.Image import Resampling, fromarray

    chosen = frames[np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round().astype(int)]
    chosen = chosen[:, ::-1] if upside_down else chosen
    strips = [np.pad(frame, ((0, 0), (0, 1), (0, 0)), constant_values=0.5) for frame in chosen]
    strip = (255 * np.concatenate(strips, axis=1)[:, :-1]).round().clip(0, 255).astype(np.uint8)
    image = fromarray(strip)
    if (pixels := image.width * image.height) > MOST_PIXELS:
        scale = (MOST_PIXELS / pixels) ** 0.5
        image = image.resize((max(int(scale * image.width), 1), max(int(scale * image.height), 1)), Resampling.BOX)
    return _encoded(image.quantize() if pixels > MOST_TRUE_COLOUR else image)


def raster_png(fired: Tensor) -> bytes:
    """Spikes (T, neurons): time to the right, neurons downwards; blue where there is one, else transparent."""
    from PIL.Image import fromarray

    spikes = fired.cpu().numpy().T
    image = np.zeros((*spikes.shape, 4), dtype=np.uint8)
    image[spikes] = (*SPIKE, 255)
    return _encoded(fromarray(image))


def maps_of(
    frames: Floats,
    b: int,
    modality: str,
    gradients: GradientMaps,
    attention: Sequence[AttentionMap],
    model: MultimodalSNN,
) -> dict[str, tuple[str, bytes]]:
    """The maps over one modality of the b-th clip: what each shows, and its PNG, by a short name."""
    upside_down = modality in SPECTROGRAMS
    strength = gradients.gradient[:, b] if gradients.gradient.ndim == 4 else gradients.gradient[b][None]
    found = {
        "cam": (f"Grad-CAM at {gradients.layer.removesuffix('.neuron')}", over_frames(gradients.cam[:, b], frames)),
        "gradient": ("gradient at the input", over_frames(strength, frames)),
    }
    grid = _grid(model, modality)
    for i, one in enumerate(x for x in attention if x.source == modality):
        if grid is not None and one.received.shape[1] == grid[0] * grid[1]:
            places = one.received[b].reshape(1, *grid)
            found[f"attention-{i + 1}"] = (f"attention received, {one.layer}", over_frames(places, frames))
    return {name: (title, png(picture, upside_down=upside_down)) for name, (title, picture) in found.items()}


def _grid(model: MultimodalSNN, modality: str) -> tuple[int, int] | None:
    """Rows and columns of the modality's tokens; None where its encoder does not tell."""
    grids = [getattr(module, "grid", None) for module in model.encoders[modality].modules()]
    return next((grid for grid in grids if isinstance(grid, tuple)), None)


def _encoded(image: Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return file.getvalue()
