"""Fusions and heads in NIR: from the tokens of the modalities to the logits of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from itertools import combinations
from typing import cast

import numpy as np
from torch import nn

from colliculus.export.nir.fold import Affine, Values, linear, numbers, over_grid
from colliculus.export.nir.graph import Signal
from colliculus.export.nir.layers import ATTENTION, NotInNIRError, Writing, write, write_mask
from colliculus.fusion import (
    Concat,
    CrossModalResidual,
    CurrentIntegration,
    HiddenJointLayer,
    JointLayer,
    JointNeurons,
    ReadoutWeights,
    ReferenceIntegration,
    SeparateStreams,
    Sum,
    WeightedTokens,
    WithJointLayer,
)
from colliculus.fusion.joins import Pooled
from colliculus.fusion.mask import MaskedAttention
from colliculus.heads import LinearReadout, ReadoutPerModality, SumOfReadouts
from colliculus.layers import ProjectionBNSpike, SpikingAttention
from colliculus.model import MultimodalSNN

Tokens = Mapping[str, Signal]


@dataclass(frozen=True)
class Feature:
    """Pooled tokens, as a part of the joint feature.

    Args:
        tokens: what is pooled.
        pooling: weights of the tokens; None is the mean.
        first: number of its first feature in the joint feature.
    """

    tokens: Signal
    pooling: ReadoutWeights | None = None
    first: int = 0


@dataclass(frozen=True)
class FusedFeatures:
    """Parts of the joint feature, and the streams by modality: the input of a head."""

    joint: list[Feature]
    streams: dict[str, Feature] = field(default_factory=dict[str, Feature])


def is_sum_of_shares(model: MultimodalSNN) -> bool:
    """True if the modalities meet in a sum of logits only, so that each may be a graph of its own."""
    fusion = model.fusion
    join = fusion.join if isinstance(fusion, SeparateStreams) else fusion
    return isinstance(join, Sum | Concat)


def write_rest(model: MultimodalSNN, to: Writing, tokens: Tokens) -> Signal:
    """Write fusion and head; the signal is the logits of a step (K, 1, 1).

    Raises:
        NotInNIRError: NIR has no nodes for the fusion or the head.
    """
    return _logits(model.head, to, _fused(model.fusion, to, tokens), len(model.modalities))


@singledispatch
def _fused(fusion: nn.Module, to: Writing, tokens: Tokens) -> FusedFeatures:  # noqa: ARG001
    if isinstance(fusion, WeightedTokens):
        raise NotInNIRError("multiplies tokens by a number computed from them")
    attends = any(isinstance(part, SpikingAttention) for part in fusion.modules())
    raise NotInNIRError(ATTENTION if attends else f"fuses by a {type(fusion).__name__}")


@_fused.register
def _(fusion: Sum | Concat, to: Writing, tokens: Tokens) -> FusedFeatures:  # noqa: ARG001
    streams = {m: Feature(x, _pooling(fusion, m)) for m, x in tokens.items()}
    if isinstance(fusion, Sum):
        return FusedFeatures([*streams.values()], streams)
    width = next(iter(tokens.values())).shape[0]
    places = {m: i * width for i, m in enumerate(fusion.modalities)}
    return FusedFeatures([replace(each, first=places[m]) for m, each in streams.items()], streams)


@_fused.register
def _(fusion: SeparateStreams, to: Writing, tokens: Tokens) -> FusedFeatures:
    return _fused(fusion.join, to, {m: write(fusion.mlp[m], to, x) for m, x in tokens.items()})


@_fused.register
def _(fusion: CrossModalResidual, to: Writing, tokens: Tokens) -> FusedFeatures:
    streams = {
        m: to.graph.sum(
            f"{to.names[fusion]}_{m}", [*([] if fusion.replaces else [x]), _residual(fusion, m, to, tokens)]
        )
        for m, x in tokens.items()
    }
    return _fused(fusion.join, to, {m: write(fusion.mlp[m], to, x) for m, x in streams.items()})


def _residual(fusion: CrossModalResidual, modality: str, to: Writing, tokens: Tokens) -> Signal:
    """Mean of what a modality receives, through the semantic branch; times alpha where it is added to the tokens."""
    if fusion.others is not None:
        raise NotInNIRError("exchanges with the mean of several modalities")
    received: list[Signal] = []
    for other, y in tokens.items():
        if other != modality:
            attention = fusion.attention.get_submodule(f"{modality}_from_{other}")
            if not isinstance(attention, MaskedAttention):
                raise NotInNIRError(ATTENTION)
            received.append(write_mask(attention, to, tokens[modality], y))
    mean = to.graph.sum(f"{to.names[fusion]}_{modality}_received", received).times(1 / len(received))
    residual = write(fusion.semantic[modality], to, mean) if modality in fusion.semantic else mean
    size = float(fusion.scale[modality].get_buffer("ratio")) if fusion.scale else 1.0
    return residual.times(to.graph.edge_weight(size if fusion.replaces else fusion.alpha * size))


@_fused.register
def _(fusion: CurrentIntegration, to: Writing, tokens: Tokens) -> FusedFeatures:
    _on_one_grid(tokens)
    spikes = write(fusion.neuron, to, to.graph.sum(to.names[fusion], [*tokens.values()]))
    return FusedFeatures([Feature(spikes, cast("ReadoutWeights | None", fusion.pooling))])


@_fused.register
def _(fusion: ReferenceIntegration, to: Writing, tokens: Tokens) -> FusedFeatures:
    _on_one_grid(tokens)
    first = next(iter(fusion.integration.values()))
    maps = {m: linear(cast("nn.Linear", layer)) for m, layer in first.get_submodule("linear").named_children()}
    currents = [to.graph.conv(f"{to.names[first]}_{m}", maps[m], x) for m, x in tokens.items()]
    spikes = write(first.get_submodule("neuron"), to, to.graph.sum(to.names[first], currents))
    return FusedFeatures([Feature(write(first.get_submodule("mlp"), to, spikes))])


@_fused.register
def _(fusion: WithJointLayer, to: Writing, tokens: Tokens) -> FusedFeatures:
    streams = _fused(fusion.join, to, tokens).streams
    return FusedFeatures([_joint(fusion.layer, to, tokens)] if bool(fusion.layer.kept) else [], streams)


@singledispatch
def _joint(layer: JointNeurons, to: Writing, tokens: Tokens) -> Feature:  # noqa: ARG001
    raise NotInNIRError(f"joins by a {type(layer).__name__}")


@_joint.register
def _(layer: HiddenJointLayer, to: Writing, tokens: Tokens) -> Feature:
    """A linear map of all modalities side by side is a sum of a map of each, with an equal share of the bias."""
    whole, name = linear(layer.hidden.linear, layer.hidden.norm), to.names[layer.hidden]
    width = whole.weight.shape[1] // len(layer.modalities)
    parts = {m: Feature(x, _pooling(layer, m), layer.modalities.index(m) * width) for m, x in tokens.items()}
    currents = [
        _read(f"{name}_{m}", to, part, replace(_columns(whole, part), bias=whole.bias / len(parts)))
        for m, part in parts.items()
    ]
    spikes = write(layer.hidden.neuron, to, to.graph.sum(f"{name}_linear", currents))
    return Feature(write(layer.conjunction, to, spikes))


@_joint.register
def _(layer: JointLayer, to: Writing, tokens: Tokens) -> Feature:
    """Neurons that fire where two or more modalities do, each pair, triple, ... by neurons of its own."""
    driven: list[Signal] = []
    for m, x in tokens.items():
        drive = cast("ProjectionBNSpike", layer.drive[m])
        current = _read(
            f"{to.names[drive]}_linear", to, Feature(x, _pooling(layer, m)), linear(drive.linear, drive.norm)
        )
        driven.append(write(drive.neuron, to, current))
    name = to.names[layer]
    sets = [chosen for size in range(2, len(driven) + 1) for chosen in combinations(driven, size)]
    together = [to.graph.all_of(f"{name}_{i}", chosen) for i, chosen in enumerate(sets)]
    return Feature(write(layer.conjunction, to, to.graph.sum(name, together)))


@singledispatch
def _logits(head: nn.Module, to: Writing, features: FusedFeatures, modalities: int) -> Signal:  # noqa: ARG001
    raise NotInNIRError(f"reads out by a {type(head).__name__}")


@_logits.register
def _(head: LinearReadout, to: Writing, features: FusedFeatures, modalities: int) -> Signal:
    """Every part has the equal share of the bias that its evidence has."""
    whole, name = linear(head.linear), to.names[head]
    count = modalities if features.streams else len(features.joint)
    parts = [
        _read(f"{name}_{i}", to, part, replace(_columns(whole, part), bias=whole.bias / count))
        for i, part in enumerate(features.joint)
    ]
    return to.graph.sum(name, parts)


@_logits.register
def _(head: ReadoutPerModality, to: Writing, features: FusedFeatures, modalities: int) -> Signal:
    return _logits(head.joint, to, features, modalities)


@_logits.register
def _(head: SumOfReadouts, to: Writing, features: FusedFeatures, modalities: int) -> Signal:  # noqa: ARG001
    if head.scores:
        raise NotInNIRError("weighs its steps by scores computed from them")
    name = to.names[head]
    parts = [
        _read(f"{name}_{m}", to, part, linear(cast("nn.Linear", head.own[m]))) for m, part in features.streams.items()
    ]
    if head.joint is not None:
        parts += [_read(f"{name}_joint", to, part, linear(head.joint)) for part in features.joint]
    return to.graph.sum(name, parts)


def _columns(layer: Affine, part: Feature) -> Affine:
    """The part of a linear map that reads this part of the joint feature."""
    maps = 1 if part.pooling is None else len(part.pooling.change)
    return replace(layer, weight=layer.weight[:, part.first : part.first + maps * part.tokens.shape[0]])


def _read(name: str, to: Writing, part: Feature, layer: Affine) -> Signal:
    """A linear map of pooled tokens, as one convolution of the whole grid."""
    channels, rows, columns = part.tokens.shape
    weight = layer.weight[:, :, 0, 0]
    if part.pooling is None:
        by_token = np.repeat(weight[:, :, None], rows * columns, axis=2) / (rows * columns)
    else:
        by_token = np.einsum("kmd,mdn->kdn", weight.reshape(len(weight), -1, channels), _weights(part.pooling, to))
    return to.graph.conv(name, over_grid(by_token, layer.bias, (rows, columns)), part.tokens)


def _weights(pooling: ReadoutWeights, to: Writing) -> Values:
    """The weights of the tokens (maps, D, N) of the only step."""
    if to.graph.steps > 1:
        raise NotInNIRError("has other readout weights for every step")
    change = numbers(pooling.change)[:, 0]
    return (1 + change) / change.shape[-1]


def _pooling(join: Pooled, modality: str) -> ReadoutWeights | None:
    return cast("ReadoutWeights", join.pooling[modality]) if modality in join.pooling else None


def _on_one_grid(tokens: Tokens) -> None:
    grids = {m: x.shape[1:] for m, x in tokens.items()}
    if len({*grids.values()}) > 1:
        raise NotInNIRError(f"moves tokens between the grids {grids}")
