"""What a model has learned of time: the matrix that brings each modality's steps to the common ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

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


@dataclass(frozen=True)
class AlignmentMatrix:
    """The alignment h'(t) = sum_s P[t, s] h(s) of one modality.

    Args:
        kind: "conv", "warp" or "interpolate".
        matrix: P, T rows of T_m numbers.
        interpolated: where each of the T steps looks under linear interpolation, in steps of the modality from 0. A
            learned alignment begins there.
        moved: the largest absolute difference of P from linear interpolation.
        positions: g, where each of the T steps looks, in steps of the modality from 0; None unless it is a warp.
        mix: g, the share of LIF(BN(P h)) in h', the rest being P h; None unless it is a convolution.
    """

    kind: str
    matrix: tuple[tuple[float, ...], ...]
    interpolated: tuple[float, ...]
    moved: float
    positions: tuple[float, ...] | None = None
    mix: float | None = None


@torch.no_grad()
def alignment_matrices(model: MultimodalSNN) -> dict[str, AlignmentMatrix]:
    """The alignment of each modality that has a matrix; nothing where the model aligns none.

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
