"""Tectum, a method of our own: graded spikes, readout weights, and a layer that fires for conjunctions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar, Literal, Self

from torch import nn

from colliculus.fusion import (
    AlignedTokens,
    Concat,
    CrossModalResidual,
    CrossModalSettings,
    HiddenJointLayer,
    JointLayer,
    JointNeurons,
    Readout,
    SeparateStreams,
    WithJointLayer,
    attention_of_streams,
)
from colliculus.heads import SumOfReadouts
from colliculus.layers import FUSED
from colliculus.losses import (
    AdditiveCrossEntropy,
    CrossEntropy,
    EfficientTraining,
    Objective,
    UnimodalCrossEntropy,
)
from colliculus.losses.objective import Term
from colliculus.methods.aligned_transformer import AlignedTransformer
from colliculus.methods.multimodal_transformer import BalancedTransformer
from colliculus.methods.spiking_transformer import EncoderName
from colliculus.methods.tet import TET
from colliculus.model import MultimodalSNN
from colliculus.neurons import NeuronSettings
from colliculus.types import UNIMODAL, ColliculusError, DataSpec, refuse_unread

Exchange = Literal["joint", "attention", "mask", "none"]


@dataclass(frozen=True, kw_only=True)
class JointSettings:
    """Settings of the joint layer.

    Raises:
        ColliculusError: a setting is out of range.
    """

    kind: Literal["product", "hidden"] = "product"
    """Joint neurons fire for the "product" of what the modalities send, or for what a "hidden" layer on all of them
    side by side has learned."""
    maps: int = 2
    """Features of each channel that the layer sees, each pooled by weights of its own."""
    keep: Literal["evidence", "always"] = "evidence"
    """Keep the layer where the validation part says that it helps (never without one), or always."""
    without: float = 0.3
    """Share of the loss of the decision that is taken without the layer, so that the network can do without it."""

    def __post_init__(self) -> None:
        if self.maps < 1:
            raise ColliculusError(f"`maps` of the joint layer is {self.maps}: choose at least 1")
        if not 0 <= self.without < 1:
            raise ColliculusError(f"`without` of the joint layer is {self.without}: choose at least 0 and below 1")


@dataclass(frozen=True, kw_only=True)
class Tectum(AlignedTransformer):
    """Streams of graded spikes with weighted readouts, whose logits are added, and a joint layer for conjunctions.

    Every modality has an encoder that suits its shape, an MLP, and a readout of its own with a learned weight for every
    step, channel and token. The decision is the sum of the readouts: given the class, modalities are often independent,
    and then a sum is the best there is. Where they are not, the joint layer adds what a sum cannot say; samples that
    were held out decide if it stays. Every modality may be absent. By default one step sees a whole sequence; with
    `context` 1 or more there is a step for every frame, and none looks ahead; an `alignment` of the steps does, and
    scores of the steps do.

    Deviation: the first design had a step for every frame (`context` 1) and a joint layer without products
    (`joint.kind` "hidden"); `docs/fidelity.md` says why the defaults are others.

    The method is not in any paper. Its name is that of the part of the midbrain whose upper half is the superior
    colliculus, with neurons that fire for sight and sound together. `FirstTectum` is its first edition.

    Example:
        >>> import torch
        >>> sizes = {"audio": (48, 48), "motion": (1, 64)}
        >>> spec = DataSpec(channels={"audio": 1, "motion": 6}, sizes=sizes, num_classes=6)
        >>> method = Tectum(dim=16)
        >>> output = method.model(spec)({"audio": torch.zeros(2, 1, 48, 48), "motion": torch.zeros(2, 6, 1, 64)})
        >>> output.step_logits.shape, [*method.objective()(output, torch.tensor([0, 1]))]
        (torch.Size([1, 2, 6]), ['task', 'additive', 'unimodal'])
    """

    name: ClassVar[str] = "tectum"

    dim: int = 64
    """D, width of a token; a multiple of 8."""
    time_steps: int = 0
    """T; 0 takes one step for static data and with `context` 0, else a step for every frame of the longest sequence (at
    most 16)."""
    context: int = 0
    """Frames of a sequence that a step sees, as channels of one image: its own and those before it. 0 shows all frames
    in one step: the first kernels see motion, at the cost of an image. A network that answers frame by frame needs 1 or
    more."""
    encoder: EncoderName = "auto"
    """Encoder of each modality: "auto" has kernels over time for a series (C, 1, W), and for an image the patches that
    suit its size. The others are those of the other methods."""
    readout: Readout = "weighted"
    """Feature of a modality for the readout: "weighted" by a learned weight for every step, channel and token, or the
    "mean" over its tokens."""
    scores: bool = False
    """Weigh the steps of every readout by temporal attention scores, as TAAF does, where inputs move."""
    neuron: NeuronSettings = NeuronSettings(kind="graded")
    modality_dropout: float = BalancedTransformer.modality_dropout
    """Probability that a modality is taken from a training sample (one always stays). To the joint layer and to the
    readouts it is then absent; with another exchange its tokens are silent, and it has no readout."""
    exchange: Exchange = "joint"
    """Exchange between the modalities: a "joint" layer that fires for conjunctions; spiking "attention" or a "mask" of
    spikes, whose residual is added to the tokens; or "none"."""
    joint: JointSettings = JointSettings()
    alpha: float = 0.5
    """Weight of the residual of "attention" and "mask": its size relative to the tokens."""
    heads: int = 8
    """Heads of the "attention"."""
    unimodal_loss: float = 0.5
    """Weight of the cross-entropy of each modality's own readout."""
    tet_loss: float = 0.0
    """Weight of the loss of the decision at every step (TET), where inputs move; with 0 there is none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.unimodal_loss < inf and 0 <= self.tet_loss < inf) or not abs(self.alpha) < inf:
            raise ColliculusError(
                f"`unimodal_loss` is {self.unimodal_loss}, `tet_loss` {self.tet_loss} and `alpha` {self.alpha}: the "
                "first two must be weights of at least 0, the last a number"
            )
        if self.balance.kind == "scores" or self.balance.needs_shares:
            raise ColliculusError(f"balance {self.balance.kind} does not suit tectum: choose another balance")
        self._check_exchange()
        self._check_steps()

    def _check_exchange(self) -> None:
        """Refuse settings that the exchange does not read."""
        if self.exchange != "joint":
            refuse_unread(self, ["joint"], f'with `exchange` "{self.exchange}"')
        elif self.readout == "mean":
            refuse_unread(self.joint, ["maps"], 'with `readout` "mean"')
        if self.exchange in ("joint", "none"):
            refuse_unread(self, ["alpha"], f'with `exchange` "{self.exchange}"')
        if self.exchange != "attention":
            refuse_unread(self, ["heads"], f'with `exchange` "{self.exchange}"')

    def _check_steps(self) -> None:
        """Refuse settings of several steps where there is one."""
        if self.time_steps == 1 or not (self.time_steps or self.context):
            unread = ["tet_loss", "scores", *([] if self.modality_steps else ["alignment"])]
            refuse_unread(self, unread, "with one step")
        if self.alignment == "interpolate" and not self.modality_steps:
            refuse_unread(self, ["alignment"], "where all modalities have T steps")

    def one_step(self) -> Self:
        """The same method with one time step of every modality, which has nothing to align."""
        return replace(self, time_steps=1, modality_steps={}, alignment="identity", tet_loss=0.0, scores=False)

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: there is one modality and an exchange, a size is not known, or with `scores` a modality is
                called "fused".
        """
        if self.exchange != "none":
            self.needs_two(spec)
        self.check_names(spec)
        encoders = self.token_encoders(spec)
        grids = {m: encoder.grid for m, encoder in encoders.items()}
        layer = self._joint_layer(spec, grids) if self.exchange == "joint" else None
        fusion = self._fusion(spec, grids, layer)
        if self.alignment != "identity" or self.modality_steps:
            fusion = AlignedTokens(self.alignments(spec), fusion)
        streams, joint = dict.fromkeys(spec.modalities, self.dim), None if layer is None else self.dim
        head = SumOfReadouts(
            spec.modalities,
            features=self.dim,
            joint=joint,
            num_classes=spec.num_classes,
            scores=attention_of_streams(streams, joint, spec.num_classes) if self.scores else {},
        )
        if layer is not None and head.joint is not None:
            layer.read_by = (head.joint, *([head.scores[FUSED]] if self.scores else []))
        return self.network(spec, encoders, fusion, head)

    @property
    def token_dropout(self) -> float:
        """The modality dropout of the tokens; the joint layer drops modalities itself."""
        return 0.0 if self.exchange == "joint" else self.modality_dropout

    def _fusion(
        self, spec: DataSpec, grids: Mapping[str, tuple[int, int] | None], layer: JointNeurons | None
    ) -> nn.Module:
        """The fusion of the aligned tokens."""
        join: nn.Module = Concat(spec.modalities, self.pooling(spec, grids))
        if layer is not None:
            join = WithJointLayer(join, layer, self.modality_dropout)
        if self.exchange in ("joint", "none"):
            return SeparateStreams(spec.modalities, dim=self.dim, join=join, neuron=self.neuron)
        return CrossModalResidual(
            grids,
            dim=self.dim,
            heads=self.heads,
            alpha=self.alpha,
            branches="mask" if self.exchange == "mask" else "spatial",
            alignment=False,
            join=join,
            neuron=self.neuron,
            settings=CrossModalSettings(dropout=0.0, scaled=True),
        )

    def objective(self) -> Objective:
        """The label-smoothed cross-entropies of the decision and of each modality's own readout.

        With a joint layer a share of the first is that of the decision without it, the sum of the readouts. With
        `tet_loss` there is the loss of every step, too.
        """
        smoothing, without = self.label_smoothing, self.joint.without if self.exchange == "joint" else 0.0
        terms: dict[str, Term] = {"task": CrossEntropy(smoothing, 1 - without)}
        if without:
            terms["additive"] = AdditiveCrossEntropy(smoothing, without)
        if self.unimodal_loss:
            terms[UNIMODAL] = UnimodalCrossEntropy(smoothing, self.unimodal_loss)
        if self.tet_loss:
            terms["tet"] = EfficientTraining(smoothing, TET.pull, weight=self.tet_loss)
        return self.with_rate(Objective(terms))

    def _joint_layer(self, spec: DataSpec, grids: Mapping[str, tuple[int, int] | None]) -> JointNeurons:
        """The joint layer, with pooling weights of its own."""
        maps = self.joint.maps if self.readout == "weighted" else 1
        kind = JointLayer if self.joint.kind == "product" else HiddenJointLayer
        return kind(
            spec.modalities,
            features=maps * self.dim,
            dim=self.dim,
            neuron=self.neuron,
            pooling=self.pooling(spec, grids, maps=maps),
            optional=self.joint.keep == "evidence",
        )
