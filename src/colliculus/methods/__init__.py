"""Methods: one paper, one file. Adding one is a file here and a line in `METHODS`.

Settings out of range, or without an effect, raise `ColliculusError`.
"""

from __future__ import annotations

from colliculus.methods.cmci import CMCI
from colliculus.methods.late_fusion import LateFusion
from colliculus.methods.sca import SCA
from colliculus.methods.scmrl import SCMRL
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.methods.taaf import TAAF
from colliculus.methods.tectum import Tectum
from colliculus.methods.tectum_first import FirstTectum
from colliculus.methods.unimodal import Unimodal
from colliculus.methods.weighted_attention import WeightedAttention

METHODS: dict[str, type[SpikingTransformer]] = {
    m.name: m for m in (SCMRL, TAAF, Tectum, FirstTectum, LateFusion, WeightedAttention, SCA, CMCI, Unimodal)
}

__all__ = [
    "CMCI",
    "METHODS",
    "SCA",
    "SCMRL",
    "TAAF",
    "FirstTectum",
    "LateFusion",
    "Tectum",
    "Unimodal",
    "WeightedAttention",
]
