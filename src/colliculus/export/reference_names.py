"""Our layers under the names of the released S-CMRL program."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from colliculus.coding import Latency, Poisson
from colliculus.encoders import SpikingPatchSplitting, SpikingSeriesEncoder
from colliculus.encoders.patch_splitting import WIDTHS
from colliculus.fusion import (
    REFERENCE,
    CrossModalAttention,
    CrossModalResidual,
    ReadoutWeights,
    ReferenceIntegration,
    SeparateStreams,
)
from colliculus.fusion.mask import MaskedAttention
from colliculus.fusion.places import TokensAtPlaces
from colliculus.layers import OverSteps, SpikingAttention
from colliculus.model import MultimodalSNN
from colliculus.neurons import LIF, Dynamics, Neuron
from colliculus.types import ColliculusError

_PART = {"conv": "conv", "linear": "conv", "norm": "bn", "neuron": "lif"}
_PROJECTION = {"query": "q", "key": "k", "value": "v", "project": "proj"}
_STAGES = len(WIDTHS["deep"]), len(WIDTHS["shallow"])
_MLP = {"expand": "fc1", "contract": "fc2"}


def layer_names(model: MultimodalSNN) -> dict[str, str]:
    """Every layer of `model` with parameters or spikes, and its name in the reference.

    Args:
        model: a model of one or two modalities; the first one is audio there, the second one visual.

    Raises:
        ColliculusError: the model computes something that the reference cannot.

    Example:
        >>> from colliculus import DataSpec, Unimodal
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (32, 32)}, num_classes=6)
        >>> names = layer_names(Unimodal(dim=32, heads=4, arithmetic="reference").model(spec))
        >>> names["encoders.audio.1.attention.query.neuron"]
        'block.0.attn.q_lif'
    """
    if len(model.modalities) > 2:
        raise _no_counterpart("it has more than two modalities")
    _check_arithmetic(model)
    names: dict[str, str] = {}
    holds_state = {key.rpartition(".")[0] for key in model.state_dict()}
    for ours, layer in model.named_modules():
        if isinstance(layer, Neuron) or ours in holds_state:
            names[ours] = _translate(ours.split("."), model)
    return names


def _check_arithmetic(model: MultimodalSNN) -> None:
    """Refuse differences that the names do not show."""
    for layer in model.modules():
        for reason in (*_neuron_or_encoder(layer), *_attention_or_readout(layer)):
            raise _no_counterpart(reason)


def _neuron_or_encoder(layer: nn.Module) -> Iterator[str]:
    """Differences of neurons, coding or encoders, in words."""
    neuron = 2.0, Dynamics(temporal_gradient=False)
    match layer:
        case Neuron() if not (isinstance(layer, LIF) and (layer.tau, layer.dynamics) == neuron):
            yield f"it has a neuron of another kind, {layer}"
        case Poisson() | Latency():
            yield f"it codes its inputs as {type(layer).__name__.lower()} spikes"
        case SpikingSeriesEncoder():
            yield "it has an encoder of series"
        case SpikingPatchSplitting() if len(layer.stages) not in _STAGES:
            yield "its encoder is neither deep nor shallow"
        case _:
            pass


def _attention_or_readout(layer: nn.Module) -> Iterator[str]:
    """Differences of the exchange or of the readout, in words."""
    match layer:
        case SpikingAttention() if layer.scale != REFERENCE.scale:
            yield f"its attention has the scale {layer.scale:g}"
        case SpikingAttention(axis=OverSteps(swap=True)):
            yield "its temporal attention swaps steps and heads"
        case TokensAtPlaces() if layer.places is not None:
            yield "its modalities have different token grids"
        case CrossModalAttention() if layer.combination != "product":
            yield "its attention does not multiply the spatial by the temporal branch"
        case CrossModalResidual() if layer.dropout:
            yield "it drops residuals in training"
        case CrossModalResidual() if layer.capped or layer.scale:
            yield "its residuals are scaled, or the pull of its alignment is capped"
        case CrossModalResidual() if layer.replaces:
            yield "what its modalities receive replaces their tokens"
        case MaskedAttention():
            yield "a mask of spikes stands for its attention"
        case ReadoutWeights():
            yield "its readout weighs the tokens"
        case _:
            pass


def _no_counterpart(reason: str) -> ColliculusError:
    return ColliculusError(
        f'the model has no counterpart in the reference, {reason}: build it with `arithmetic` "reference" (late-fusion '
        "and weighted-attention have no such setting) and the default neuron"
    )


def _translate(path: list[str], model: MultimodalSNN) -> str:
    """One layer's name; the reference counts audio as block 0 and visual as block 1."""
    match path:
        case ["encoders", modality, *inner]:
            return _in_encoder(inner, model.modalities.index(modality), alone=len(model.modalities) == 1)
        case ["fusion", part, of, *inner]:
            receivers = [m for m in model.modalities if of == m or of.startswith(f"{m}_from_")]
            return _in_fusion(part, inner, model.modalities.index(receivers[0]), of, model.fusion)
        case ["head", "linear"]:
            return "head"
        case ["head", "joint", "linear"] if isinstance(model.fusion, ReferenceIntegration):
            return "head.0"
        case ["head", "own", modality] if isinstance(model.fusion, ReferenceIntegration):
            return f"head.{1 + model.modalities.index(modality)}"
        case _:
            raise _no_counterpart(f"it has a layer {'.'.join(path)}")


def _in_encoder(path: list[str], block: int, *, alone: bool) -> str:
    stem = "patch_embed" if alone else f"{('audio', 'visual')[block]}_patch_embed"
    match path:
        case [*_, "stages", number, part]:
            return f"{stem}.proj_{_PART[part]}{number.removeprefix('0')}"
        case [*_, "position", part]:
            return f"{stem}.rpe_{_PART[part]}"
        case ["1", "attention", *inner]:
            return f"block.0.attn.{_attention(inner)}"
        case ["1", "mlp", layer, part]:
            return f"block.0.mlp.{_mlp(layer, part)}"
        case _:
            raise _no_counterpart(f"its encoder has a layer {'.'.join(path)}")


def _in_fusion(part: str, path: list[str], block: int, of: str, fusion: nn.Module) -> str:
    match part, path:
        case "mlp", [layer, leaf]:
            return f"mlp.{block}.mlp.{_mlp(layer, leaf)}"
        case "semantic", ["linear" | "neuron" as leaf]:
            return f"block.{block}.trans_{'linear' if leaf == 'linear' else 'lif'}"
        case "attention", ["spatial" | "temporal" as branch, *inner]:
            both = fusion.get_submodule(f"attention.{of}").branches == "spatiotemporal"
            inside = f"{branch}_attn.{_attention(inner)}" if both else _attention(inner)
        case "attention", inner:
            inside = _attention(inner)
        case "weight", ["hidden" | "weight" as leaf]:
            inside = "fc1" if leaf == "hidden" else "fc2"
        case "integration", ["linear", source]:
            inside = "fc1" if source == of else "fc2"
        case "integration", ["neuron"]:
            inside = "v_lif"
        case "integration", ["mlp", layer, leaf]:
            inside = f"mlp.mlp.{_mlp(layer, leaf)}"
        case _:
            raise _no_counterpart(f"its fusion has a layer {'.'.join([part, of, *path])}")
    return f"block.{block}.attn.{inside}"


def _mlp(layer: str, leaf: str) -> str:
    return f"{_MLP[layer]}_{_PART[leaf]}"


def _attention(path: list[str]) -> str:
    match path:
        case [("query" | "key" | "value" | "project") as projection, leaf]:
            return f"{_PROJECTION[projection]}_{_PART[leaf]}"
        case ["neuron"]:
            return "attn_lif"
        case ["scores", "neuron"]:
            return "rpb_lif"
        case _:
            raise _no_counterpart(f"its attention has a layer {'.'.join(path)}")


def unused_layers(model: MultimodalSNN) -> Iterator[tuple[str, str]]:
    """Layers that only the reference has and whose output its forward pass does not use: name and kind.

    The kinds are "linear" (D to D), "norm" (layer normalisation), "projection" (1x1, D to D), "batch norm", "neuron".
    """
    blocks = range(len(model.modalities))
    if len(blocks) == 2:
        yield from ((f"av_attention.{layer}", "linear") for layer in ("fcs.0", "fcs.1", "fc"))
    yield from ((f"block.{i}.norm{n}", "norm") for i in blocks for n in (1, 2))
    known = set(layer_names(model).values())
    attentions = sorted(name.removesuffix("attn_lif") for name in known if name.endswith("attn_lif"))
    yield from ((f"{attention}res_lif", "neuron") for attention in attentions)
    if "block.1.attn.rpb_lif" in known:
        yield "block.0.attn.rpb_lif", "neuron"
    if isinstance(model.fusion, SeparateStreams):  # the program makes an attention that it does not call
        for i in blocks:
            for projection in _PROJECTION.values():
                yield f"block.{i}.attn.{projection}_conv", "projection"
                yield f"block.{i}.attn.{projection}_bn", "batch norm"
            yield from ((f"block.{i}.attn.{n}_lif", "neuron") for n in (*_PROJECTION.values(), "attn", "res"))
