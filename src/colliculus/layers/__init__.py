"""Layers that carry time: projections, attention, feed-forward, resampling."""

from __future__ import annotations

from colliculus.layers.attention import Axis, OverSteps, OverTokens, SpikingAttention
from colliculus.layers.conv_bn_spike import ConvBNSpike, NeuronFactory, ProjectionBNSpike, SpikingMLP
from colliculus.layers.ends import (
    ending_at,
    for_each_end,
    heeds_ends,
    mean_until_end,
    until_end,
    uses_later_steps,
    zero_from,
)
from colliculus.layers.modalities import FUSED, ModalityDropout, modules_of, per_modality, silenced
from colliculus.layers.norm_spike import norm_spike
from colliculus.layers.qk_attention import Passing, QKAttention
from colliculus.layers.recompute import recomputed
from colliculus.layers.residual import CurrentResidualBlock, SpikeResidualBlock
from colliculus.layers.time import (
    Resampling,
    RunningMean,
    own_logits,
    reasons_for_a_window,
    resample,
    stepwise,
    token_mean,
    tokens_of,
    widened,
)

__all__ = [
    "FUSED",
    "Axis",
    "ConvBNSpike",
    "CurrentResidualBlock",
    "ModalityDropout",
    "NeuronFactory",
    "OverSteps",
    "OverTokens",
    "Passing",
    "ProjectionBNSpike",
    "QKAttention",
    "Resampling",
    "RunningMean",
    "SpikeResidualBlock",
    "SpikingAttention",
    "SpikingMLP",
    "ending_at",
    "for_each_end",
    "heeds_ends",
    "mean_until_end",
    "modules_of",
    "norm_spike",
    "own_logits",
    "per_modality",
    "reasons_for_a_window",
    "recomputed",
    "resample",
    "silenced",
    "stepwise",
    "token_mean",
    "tokens_of",
    "until_end",
    "uses_later_steps",
    "widened",
    "zero_from",
]
