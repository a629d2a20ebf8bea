"""Encoders: from frames (T, B, C, H, W) to tokens (T, B, D, N)."""

from __future__ import annotations

from colliculus.encoders.patch_splitting import SpikingPatchSplitting, fitting_depth
from colliculus.encoders.qkformer import SpikingQKFormer
from colliculus.encoders.resnet import SpikingResNet18
from colliculus.encoders.series import SpikingSeriesEncoder
from colliculus.encoders.spikformer import SpikformerBlock

__all__ = [
    "SpikformerBlock",
    "SpikingPatchSplitting",
    "SpikingQKFormer",
    "SpikingResNet18",
    "SpikingSeriesEncoder",
    "fitting_depth",
]
