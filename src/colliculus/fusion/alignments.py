"""The alignments of a modality's steps to common ones, by name."""

from __future__ import annotations

from typing import Literal

from torch import nn

from colliculus.fusion.clip_warp import ClipWarp
from colliculus.fusion.time_alignment import ConvAlignment, Interpolation, TimeWarp
from colliculus.layers import NeuronFactory
from colliculus.neurons import LIF
from colliculus.types import ColliculusError

AlignmentName = Literal["conv", "warp", "clip-warp", "interpolate", "identity"]


def alignment(name: AlignmentName, source: int, target: int, dim: int, neuron: NeuronFactory = LIF) -> nn.Module:
    """The alignment of that name from `source` to `target` steps.

    Raises:
        ColliculusError: "identity" cannot change the length.
    """
    match name:
        case "conv":
            return ConvAlignment(source, target, dim, neuron)
        case "warp":
            return TimeWarp(source, target)
        case "clip-warp":
            return ClipWarp(source, target, dim)
        case "interpolate":
            return Interpolation(source, target)
        case "identity":
            if source != target:
                raise ColliculusError(
                    f"alignment identity keeps the {source} steps of a modality, but {target} are wanted: choose "
                    "interpolate, warp or conv"
                )
            return nn.Identity()
