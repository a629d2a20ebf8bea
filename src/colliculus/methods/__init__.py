"""Methods: one paper, one file. Adding one is a file here and a line in `METHODS`.

Settings out of range, or without an effect, raise `ColliculusError`.
"""

from __future__ import annotations

from colliculus.methods.cmci import CMCI
from colliculus.methods.cmqka import CMQKA
from colliculus.methods.late_fusion import LateFusion
from colliculus.methods.misnet import MISNet
from colliculus.methods.qkformer import QKFormer
from colliculus.methods.sca import SCA
from colliculus.methods.scmrl import SCMRL
from colliculus.methods.sew_resnet import SEWResNet
from colliculus.methods.spikformer import Spikformer
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.methods.taaf import TAAF
from colliculus.methods.tectum import Tectum
from colliculus.methods.tectum_first import FirstTectum
from colliculus.methods.tet import TET
from colliculus.methods.unimodal import Unimodal
from colliculus.methods.weighted_attention import WeightedAttention
from colliculus.plugins import Parts

METHODS: Parts[type[SpikingTransformer]] = Parts(
    "methods",
    {
        m.name: m
        for m in (
            SCMRL,
            TAAF,
            Tectum,
            FirstTectum,
            CMQKA,
            MISNet,
            SCA,
            CMCI,
            WeightedAttention,
            LateFusion,
            TET,
            Spikformer,
            QKFormer,
            SEWResNet,
            Unimodal,
        )
    },
)
"""Methods by name; those of other packages need not inherit `SpikingTransformer`, `colliculus.Method` is enough."""

__all__ = [
    "CMCI",
    "CMQKA",
    "METHODS",
    "SCA",
    "SCMRL",
    "TAAF",
    "TET",
    "FirstTectum",
    "LateFusion",
    "MISNet",
    "QKFormer",
    "SEWResNet",
    "Spikformer",
    "Tectum",
    "Unimodal",
    "WeightedAttention",
]
