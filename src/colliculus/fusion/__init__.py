"""Fusions: from the modalities' tokens (T, B, D, N) to a joint feature.

Arguments that mean the same in every fusion:

    modalities: all of them, in declared order.
    grids: token grid (rows, columns) of each modality, in declared order; None where it is not known.
    dim: D, width of a token.
    heads: number of attention heads.
    neuron: makes the neurons.
    join: joins the streams at the end.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from colliculus.fusion.alignments import AlignmentName, alignment
from colliculus.fusion.clip_warp import ClipWarp
from colliculus.fusion.cmci import CurrentIntegration, ReferenceIntegration, SynapticCurrent
from colliculus.fusion.cross_modal import (
    REFERENCE,
    Arithmetic,
    CrossModalAttention,
    CrossModalResidual,
    CrossModalSettings,
    path_settings,
)
from colliculus.fusion.interaction import InteractionCell, ModalityInteraction
from colliculus.fusion.joins import Concat, SeparateStreams, Sum, WeightedSum
from colliculus.fusion.joint import HiddenJointLayer, JointLayer, JointNeurons, WithJointLayer
from colliculus.fusion.pooling import Readout, ReadoutWeights, weighted
from colliculus.fusion.qk_exchange import (
    CrossModalQKAttention,
    HierarchicalExchange,
    QKBranches,
    QKExchange,
    SpatialForm,
)
from colliculus.fusion.sca import SpikingCrossAttention
from colliculus.fusion.temporal_attention import (
    ApplyTo,
    ScoreInput,
    ScoreReduction,
    TemporalAttentionReadout,
    attention_of_streams,
)
from colliculus.fusion.time_alignment import AlignedTokens, TimeAligned
from colliculus.fusion.weighted_attention import WeightedTokens
from colliculus.plugins import Parts
from colliculus.types import DataSpec

FUSIONS: Parts[Callable[[DataSpec, int], nn.Module]] = Parts("fusions", {})
"""Fusions of other packages by name; each makes a module of the spec of the data and of D.

The module maps tokens (T, B, D, N) of each modality that is present to `Fused`, whose joint feature is (T, B, F); its
attribute `features` is F.
"""

__all__ = [
    "FUSIONS",
    "REFERENCE",
    "AlignedTokens",
    "AlignmentName",
    "ApplyTo",
    "Arithmetic",
    "ClipWarp",
    "Concat",
    "CrossModalAttention",
    "CrossModalQKAttention",
    "CrossModalResidual",
    "CrossModalSettings",
    "CurrentIntegration",
    "HiddenJointLayer",
    "HierarchicalExchange",
    "InteractionCell",
    "JointLayer",
    "JointNeurons",
    "ModalityInteraction",
    "QKBranches",
    "QKExchange",
    "Readout",
    "ReadoutWeights",
    "ReferenceIntegration",
    "ScoreInput",
    "ScoreReduction",
    "SeparateStreams",
    "SpatialForm",
    "SpikingCrossAttention",
    "Sum",
    "SynapticCurrent",
    "TemporalAttentionReadout",
    "TimeAligned",
    "WeightedSum",
    "WeightedTokens",
    "WithJointLayer",
    "alignment",
    "attention_of_streams",
    "path_settings",
    "weighted",
]
