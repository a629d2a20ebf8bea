"""Lines at the start of a training: how each modality comes to the network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from colliculus.coding import AllFrames, Direct, Poisson, RecentFrames, steps_of
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec


def input_lines(model: MultimodalSNN, sources: Mapping[str, str]) -> list[str]:
    """One line for each modality: its source, its shape T x C x H x W (C x H x W if static), and how T steps see it.

    Args:
        model: the network.
        sources: what each modality is made from, as in `Dataset.sources`.

    Example:
        >>> from colliculus.methods import LateFusion
        >>> sizes = {"audio": (8, 9), "visual": (16, 16)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=2, steps={"visual": 6})
        >>> for line in input_lines(LateFusion(dim=8).model(spec), {"visual": "6 frames"}):
        ...     print(line)
        audio: 1 x 8 x 9, static: the same in each of 4 time steps
        visual: 6 frames -> 6 x 3 x 16 x 16, moving: 6 frames resampled to 4 time steps (nearest)
    """
    return [_line(model, m, sources.get(m, "")) for m in model.spec.modalities]


def _line(model: MultimodalSNN, modality: str, source: str) -> str:
    spec = model.spec
    beginning = f"{modality}: {f'{source} -> ' if source else ''}{_shape(spec, modality)}"
    if modality not in model.modalities:
        return f"{beginning}, which this method does not use"
    steps, frames = _steps(model.coding[modality]), spec.steps.get(modality)
    if frames is None:
        return f"{beginning}, static{f': the same in {_every(steps)}' if steps else ''}"
    return f"{beginning}, moving{f': {_seen(model.coding[modality], frames, steps)}' if steps else ''}"


def _shape(spec: DataSpec, modality: str) -> str:
    """Shape in words; a size that the data leave open is H x W."""
    steps = [spec.steps[modality]] if modality in spec.steps else []
    return " x ".join(map(str, (*steps, spec.channels[modality], *spec.sizes.get(modality, ("H", "W")))))


def _steps(coding: nn.Module) -> int | None:
    """T of a coding; None of one of the user's own that does not say it."""
    try:
        return steps_of(coding)
    except ColliculusError:
        return None


def _every(steps: int) -> str:
    return f"each of {steps} time steps" if steps > 1 else "the only time step"


def _seen(coding: nn.Module, frames: int, steps: int) -> str:
    parts = list(coding) if isinstance(coding, nn.Sequential) else [coding]
    if isinstance(parts[0], AllFrames):
        return f"all {frames} frames in {_every(steps)}"
    before = f", each with the {parts[0].frames - 1} before it" if isinstance(parts[0], RecentFrames) else ""
    if frames == steps:
        return f"a frame in {_every(steps)}{before}"
    last = parts[-1].present if isinstance(parts[-1], Poisson) else parts[-1]
    how = f" ({last.mode})" if isinstance(last, Direct) else ""
    return f"{frames} frames resampled to {steps} time steps{how}{before}"
