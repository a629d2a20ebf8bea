"""Recognises the method of a reference network from its tensors and the settings that they do not contain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from colliculus.export.reference_settings import ReferenceSettings
from colliculus.fusion.cross_modal import Branches
from colliculus.methods import CMCI, SCA, SCMRL, LateFusion, Unimodal, WeightedAttention
from colliculus.methods.multimodal_transformer import Join
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.types import ColliculusError, DataSpec

Sizes = Mapping[str, tuple[int, int]]

_BRANCHES: dict[str, Branches] = {"spatial": "spatial", "temporal": "temporal", "spatialtemporal": "spatiotemporal"}
_JOIN: dict[str, Join] = {"add": "sum", "concat": "concat"}
_STEMS = {"audio": "audio_patch_embed", "visual": "visual_patch_embed"}


def checked(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors by the names of the program, without the prefix of DistributedDataParallel.

    Raises:
        ColliculusError: a tensor is not dense, not float32 or int64, or contains numbers that are not finite.
    """
    parallel = all(name.startswith("module.") for name in state_dict)
    tensors = {name.removeprefix("module.") if parallel else name: value for name, value in state_dict.items()}
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_meta or tensor.dtype not in (torch.float32, torch.int64):
            raise ColliculusError(f"{name} is not a dense tensor of float32 or int64: convert the state dict to those")
        if not tensor.isfinite().all():
            raise ColliculusError(f"{name} contains numbers that are not finite: use a checkpoint before it diverged")
    return tensors


def recognise(
    state_dict: Mapping[str, Tensor], settings: ReferenceSettings, sizes: Sizes | None = None
) -> tuple[SpikingTransformer, DataSpec]:
    """Our method for a reference network, and the data it takes.

    Raises:
        ColliculusError: the tensors do not belong to such a network.
    """
    state_dict = checked(state_dict)
    alone = any(name.startswith("patch_embed.") for name in state_dict)
    if alone and settings.modality is None:
        raise ColliculusError("the state dict is of one modality: name it, for example modality='audio'")
    if settings.modality is not None and not alone:
        raise ColliculusError(f"the state dict is of two modalities: leave out modality={settings.modality!r}")
    stems = {settings.modality or "": "patch_embed"} if alone else _STEMS
    first = next(iter(stems.values()))
    dim = _shape(state_dict, f"{first}.rpe_conv.weight")[0]
    head = "head.weight" if "head.weight" in state_dict else "head.0.weight"
    channels = {m: _shape(state_dict, f"{stem}.proj_conv.weight")[1] for m, stem in stems.items()}
    spec = DataSpec(channels=channels, sizes=sizes or {}, num_classes=_shape(state_dict, head)[0])
    encoder = "deep" if f"{first}.proj_conv3.weight" in state_dict else "shallow"
    return replace(_method(state_dict, settings), dim=dim, time_steps=settings.time_steps, encoder=encoder), spec


def _method(state_dict: Mapping[str, Tensor], settings: ReferenceSettings) -> SpikingTransformer:
    """The method, at its default width, steps and encoder."""
    heads, join = settings.num_heads, _JOIN[settings.interaction.lower()]
    if settings.modality is not None and "patch_embed.rpe_conv.weight" in state_dict:
        return Unimodal(modality=settings.modality, heads=heads, arithmetic="reference")
    match settings.cross_attention.lower():
        case "none":
            return LateFusion(fusion=join)
        case "weightattention":
            return WeightedAttention(fusion=join)
        case "cmci":
            return CMCI(arithmetic="reference", unimodal_loss=1.0, modality_dropout=0.0)
        case "sca":
            return SCA(heads=heads, fusion=join, arithmetic="reference")
        case name:
            return SCMRL(
                heads=heads,
                cross_attention=_BRANCHES[name],
                alpha=settings.alpha,
                alignment="block.0.trans_linear.weight" in state_dict,
                fusion=join,
                arithmetic="reference",
            )


def _shape(state_dict: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    if name not in state_dict:
        raise ColliculusError(f"the state dict has no {name}: use a complete one of a network of the reference program")
    shape = tuple(state_dict[name].shape)
    if len(shape) < 2:
        raise ColliculusError(f"{name} has shape {shape}: use a complete state dict of the reference program")
    return shape
