"""Time alignment of a trained model: the matrix from each modality's time steps to the common ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from colliculus.figures import Heat, Series
from colliculus.fusion.clip_warp import ClipWarp
from colliculus.fusion.time_alignment import (
    AlignedTokens,
    ConvAlignment,
    Interpolation,
    TimeAligned,
    TimeWarp,
    interpolation,
    middles,
)
from colliculus.model import MultimodalSNN
from colliculus.records import Table


@dataclass(frozen=True)
class AlignmentMatrix:
    """The alignment h'(t) = sum_s P[t, s] h(s) of one modality.

    Args:
        kind: "conv", "warp", "clip-warp" or "interpolate".
        matrix: P, T rows of T_m numbers.
        interpolated: position of each of the T steps under linear interpolation, in steps of the modality from 0. A
            learned alignment starts there.
        moved: largest absolute difference of P from linear interpolation.
        positions: learned position of each of the T steps, in steps of the modality from 0; with "clip-warp" of a clip
            that moves nothing; None unless it is a warp.
        mix: share of LIF(BN(P h)) in h', the rest is P h; None unless kind is "conv".
    """

    kind: str
    matrix: tuple[tuple[float, ...], ...]
    interpolated: tuple[float, ...]
    moved: float
    positions: tuple[float, ...] | None = None
    mix: float | None = None


@torch.no_grad()
def alignment_matrices(model: MultimodalSNN) -> dict[str, AlignmentMatrix]:
    """The alignment of each modality that has a matrix; empty where the model aligns none.

    Example:
        >>> from colliculus import DataSpec, TAAF
        >>> spec = DataSpec(channels={"a": 1, "b": 1}, sizes={"a": (16, 16), "b": (16, 16)}, num_classes=2)
        >>> method = TAAF(dim=16, encoder="shallow", time_steps=2, modality_steps={"b": 4}, alignment="interpolate")
        >>> alignment_matrices(method.model(spec))["b"].matrix
        ((0.5, 0.5, 0.0, 0.0), (0.0, 0.0, 0.5, 0.5))
    """
    if not isinstance(model.fusion, TimeAligned | AlignedTokens):
        return {}
    read = {m: _read(module) for m, module in model.fusion.alignments.items()}
    return {m: found for m, found in read.items() if found is not None}


def _read(module: nn.Module) -> AlignmentMatrix | None:
    if isinstance(module, TimeWarp):
        return _summary("warp", module.matrix, positions=tuple(module.positions().tolist()))
    if isinstance(module, ClipWarp):
        shared = module.shared
        return _summary("clip-warp", shared.matrix, positions=tuple(shared.positions().tolist()))
    if isinstance(module, ConvAlignment):
        return _summary("conv", module.matrix, mix=module.mix.item())
    return _summary("interpolate", module.matrix) if isinstance(module, Interpolation) else None


def _summary(
    kind: str, matrix: Tensor, *, positions: tuple[float, ...] | None = None, mix: float | None = None
) -> AlignmentMatrix:
    target, source = matrix.shape
    return AlignmentMatrix(
        kind=kind,
        matrix=tuple(tuple(row) for row in matrix.tolist()),
        interpolated=tuple(middles(source, target).tolist()),
        moved=(matrix.cpu() - interpolation(source, target)).abs().max().item(),
        positions=positions,
        mix=mix,
    )


def alignment_table(found: Mapping[str, AlignmentMatrix]) -> Table:
    """A row for each modality; only what some modality has gets a column."""
    columns = {
        "kind": [one.kind for one in found.values()],
        "steps": [f"{len(one.matrix[0])} to {len(one.matrix)}" for one in found.values()],
        "moved by": [f"{one.moved:.3f}" for one in found.values()],
        "reads step": [" ".join(f"{1 + g:.2f}" for g in one.positions or ()) for one in found.values()],
        "mix": ["" if one.mix is None else f"{one.mix:.3f}" for one in found.values()],
    }
    columns = {heading: cells for heading, cells in columns.items() if any(cells)}
    title = "Time alignment (moved: largest change of a weight from linear interpolation)"
    return Table.of(title, ("modality", *columns), tuple(zip(found, *columns.values(), strict=True)))


def alignment_panels(found: Mapping[str, AlignmentMatrix]) -> list[Heat]:
    """The matrix of each modality: common steps down, its own across, with the line of linear interpolation."""
    far = max(abs(x) for one in found.values() for row in one.matrix for x in row)
    panels: list[Heat] = []
    for modality, one in found.items():
        steps = range(len(one.matrix))
        paths = [Series(name="interpolation", x=one.interpolated, y=steps, colour=0, dash=1)]
        if one.positions is not None:
            paths.append(Series(name="learned warp", x=one.positions, y=steps, colour=1))
        panels.append(
            Heat(
                values=one.matrix,
                rows=[str(t + 1) for t in steps],
                columns=[str(t + 1) for t in range(len(one.matrix[0]))],
                title=f"time alignment: {modality} ({one.kind})",
                xlabel=f"step of {modality}",
                ylabel="common step",
                far=far,
                paths=paths,
            )
        )
    return panels
