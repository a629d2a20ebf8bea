"""Rows of the presets: every method with settings that suit the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from colliculus.fusion import CrossModalSettings
from colliculus.methods import (
    CMCI,
    CMQKA,
    SCA,
    SCMRL,
    TAAF,
    TET,
    FirstTectum,
    LateFusion,
    MISNet,
    QKFormer,
    SEWResNet,
    Spikformer,
    Tectum,
    Unimodal,
    WeightedAttention,
)
from colliculus.methods.spiking_transformer import SpikingTransformer

if TYPE_CHECKING:
    from colliculus.presets.data import DataRow

_REFERENCE_ALPHA, _REFERENCE_HEADS = 1.5, 16
"""Published settings of S-CMRL on all data; at D = 32 its heads are two channels wide."""

OWN_ENCODERS = ("qkformer", "sew-resnet18")
"""Encoders that are a part of their method; the other methods have the encoder that suits the data."""


METHODS: dict[str, tuple[str, Callable[[DataRow], SpikingTransformer]]] = {
    "s-cmrl": (
        "S-CMRL",
        lambda data: SCMRL(dim=data.dim, heads=data.heads, temperature=data.temperature),
    ),
    "s-cmrl-reference": (
        "S-CMRL, arithmetic of the reference program",
        lambda data: SCMRL(
            dim=data.dim,
            heads=_REFERENCE_HEADS,
            alpha=_REFERENCE_ALPHA,
            temperature=data.temperature,
            arithmetic="reference",
        ),
    ),
    "spatial": (
        "S-CMRL's spatial attention alone",
        lambda data: SCMRL(dim=data.dim, heads=data.heads, cross_attention="spatial", alignment=False),
    ),
    "temporal": (
        "S-CMRL's temporal attention alone",
        lambda data: SCMRL(dim=data.dim, heads=data.heads, cross_attention="temporal", alignment=False),
    ),
    "taaf": (
        "TAAF (our reading)",
        lambda data: TAAF(dim=data.dim, encoder="deep"),  # the encoder of the other methods, for comparison
    ),
    "s-cmrl-fed": (
        "S-CMRL whose exchange the task trains",
        lambda data: SCMRL(
            dim=data.dim,
            heads=data.heads,
            temperature=data.temperature,
            alpha=0.5,
            normalise="positives",
            cross_modal=CrossModalSettings(dropout=0.0, scaled=True, capped=True),
        ),
    ),
    "s-cmrl-mask": (
        "S-CMRL with a mask in place of attention",  # whole in NIR, and not shown to be worse (RESULTS.md)
        lambda data: SCMRL(dim=data.dim, temperature=data.temperature, cross_attention="mask"),
    ),
    "tectum": (
        "Tectum, our method, with a joint layer",
        lambda data: Tectum(dim=data.dim),
    ),
    "tectum-first": (
        "Tectum, first edition (S-CMRL with TAAF)",
        lambda data: FirstTectum(dim=data.dim, heads=data.heads),
    ),
    "sca": ("Spiking cross-attention, no residual (SCA)", lambda data: SCA(dim=data.dim, heads=data.heads)),
    "sca-reference": (
        "SCA, arithmetic of the reference program",
        lambda data: SCA(dim=data.dim, heads=_REFERENCE_HEADS, arithmetic="reference"),
    ),
    "cmci": ("Current integration as published (CMCI)", lambda data: CMCI(dim=data.dim)),
    "cmci-reference": (
        "CMCI, arithmetic of the reference program",
        lambda data: CMCI(dim=data.dim, arithmetic="reference", unimodal_loss=1.0, modality_dropout=0.0),
    ),
    "cmqka": ("Cross-modal Q-K attention (SNNergy)", lambda data: CMQKA(dim=data.dim)),
    "misnet": ("Neurons with several membranes (MISNet)", lambda data: MISNet(dim=data.dim)),
    "weighted-attention": ("One learned weight of each modality", lambda data: WeightedAttention(dim=data.dim)),
    "late-fusion": ("Late fusion by addition", lambda data: LateFusion(dim=data.dim)),
    "late-fusion-concat": ("Late fusion by concatenation", lambda data: LateFusion(dim=data.dim, fusion="concat")),
    "tet": ("Late fusion, a loss of every step (TET)", lambda data: TET(dim=data.dim)),
    "spikformer": (
        "Spikformer of each modality, late fusion",
        lambda data: Spikformer(dim=data.dim, heads=data.heads),
    ),
    "qkformer": ("QKFormer of each modality, late fusion", lambda data: QKFormer(dim=data.dim)),
    "sew-resnet": ("SEW-ResNet of each modality, late fusion", lambda data: SEWResNet(dim=data.dim)),
    "audio": ("Audio alone", lambda data: Unimodal(modality="audio", dim=data.dim, heads=data.heads)),
    "visual": ("Visual alone", lambda data: Unimodal(modality="visual", dim=data.dim, heads=data.heads)),
}
