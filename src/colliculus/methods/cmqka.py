"""CMQKA: cross-modal Q-K attention between the stages of hierarchical encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, Literal

from torch import nn

from colliculus.encoders import SpikingQKFormer
from colliculus.fusion import CrossModalQKAttention, HierarchicalExchange, QKBranches, QKExchange, SpatialForm
from colliculus.methods.multimodal_transformer import Join, MultimodalTransformer
from colliculus.methods.spiking_transformer import Encoder, EncoderName
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, DataSpec, refuse_unread

Grid = tuple[int, int] | None
Grids = Mapping[str, Grid]


@dataclass(frozen=True, kw_only=True)
class CMQKA(MultimodalTransformer):
    """Cross-modal Q-K attention (SNNergy, Saleh and Ahmadi, arXiv 2602.00701), linear in tokens and steps.

    Every modality has a hierarchical encoder of three stages. Behind each stage it receives from every other: its own
    spikes, summed over tokens or over steps, are a query whose neurons decide which spikes of the other modality pass.
    What was received is added with a learned weight.

    Deviation: it is written from the paper; the released program has the attention of S-CMRL in its place. How the two
    branches meet is not in the sources at hand: here they are added. BatchNorm stands before the neurons of the masks,
    because a sum over a thousand tokens is above any threshold.

    Example:
        >>> import torch
        >>> sizes = {"audio": (32, 32), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> model = CMQKA(dim=32).model(spec)
        >>> model({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)}).logits.shape
        torch.Size([2, 6])
    """

    name: ClassVar[str] = "cmqka"

    encoder: EncoderName = "qkformer"
    """The hierarchical "qkformer" of the paper, or another encoder, as in the other methods."""
    heads: int = 8
    """Heads of the form "token", each with a mask of its own; with `stages` "all" they divide D/4."""
    stages: Literal["all", "last"] = "all"
    """Stages behind which the modalities exchange: "all" three of the encoder "qkformer", or the "last"."""
    branches: QKBranches = "spatiotemporal"
    """Branches of the attention: sums of the query over tokens or channels ("spatial") and over steps ("temporal")."""
    spatial: SpatialForm = "channel"
    """The spatial branch passes or holds back a "channel" (sum over tokens) or a "token" (sum over channels)."""
    alpha: float = 0.5
    """Initial weight of what a modality receives; a weight for each receiver and stage is learned."""
    attention_threshold: float = 0.5
    """Threshold of the neurons that decide what passes."""
    fusion: Join = "sum"
    """Join of the streams at the end."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isfinite(self.alpha):
            raise ColliculusError(f"`alpha` is {self.alpha}: choose a number")
        if self.stages == "all" and self.encoder != "qkformer":
            raise ColliculusError(
                f'`stages` "all" needs the stages of the encoder "qkformer", and `encoder` is "{self.encoder}": '
                'choose `stages` "last"'
            )
        if self.branches == "temporal":
            refuse_unread(self, ["spatial"], 'with `branches` "temporal"')
        if self.spatial != "token":
            refuse_unread(self, ["heads"], f'with `spatial` "{self.spatial}"')
        self.neuron.refuse_threshold(self, "attention_threshold")

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: fewer than two modalities, or the encoder needs a size that is not known.
        """
        self.needs_two(spec)
        encoders = self.token_encoders(spec)
        first, later, grids = self._split(encoders)
        widths = [self.dim // 2 ** (len(grids) - 1 - stage) for stage in range(len(grids))]
        fusion = HierarchicalExchange(
            [self._exchange(width, of_stage) for width, of_stage in zip(widths, grids, strict=True)],
            later,
            dim=self.dim,
            join=self.join(self.fusion, spec, encoders),
            neuron=self.neuron,
        )
        return self.network(spec, first, fusion, self.head(self.fusion, spec))

    def _exchange(self, width: int, grids: Grids) -> QKExchange:
        def attention(pair: tuple[Grid, Grid]) -> CrossModalQKAttention:
            return CrossModalQKAttention(
                width,
                self.heads if self.spatial == "token" else 1,
                grids=pair,
                branches=self.branches,
                spatial=self.spatial,
                neuron=self.neuron,
                threshold=self.attention_threshold,
            )

        return QKExchange(grids, attention, alpha=self.alpha)

    def _split(
        self, encoders: Mapping[str, Encoder]
    ) -> tuple[Mapping[str, nn.Module], dict[str, Sequence[nn.Module]], list[Grids]]:
        """The modules before the first exchange, those between exchanges, and the grids at each exchange."""
        if self.stages == "last":
            return encoders, {}, [{m: encoder.grid for m, encoder in encoders.items()}]
        hierarchies = {m: encoder for m, encoder in encoders.items() if isinstance(encoder, SpikingQKFormer)}
        parts = {m: encoder.parts() for m, encoder in hierarchies.items()}
        of_stages = zip(*(encoder.stage_grids for encoder in hierarchies.values()), strict=True)
        return (
            {m: first for m, (first, _) in parts.items()},
            {m: later for m, (_, later) in parts.items()},
            [dict(zip(hierarchies, grids, strict=True)) for grids in of_stages],
        )
