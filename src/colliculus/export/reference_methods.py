"""Which method of ours a reference network is: read off its tensors, and told where they do not say."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from colliculus.export.reference_settings import ReferenceSettings
from colliculus.fusion.cross_modal import Branches
from colliculus.methods import SCA, SCMRL, LateFusion, ReferenceCMCI, Unimodal, WeightedAttention
from colliculus.methods.multimodal_transformer import Join
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.types import ColliculusError, DataSpec

Sizes = Mapping[str, tuple[int, int]]

_BRANCHES: dict[str, Branches] = {"spatial": "spatial", "temporal": "temporal", "spatialtemporal": "spatiotemporal"}
_JOIN: dict[str, Join] = {"add": "sum", "concat": "concat"}
_STEMS = {"audio": "audio_patch_embed", "visual": "visual_patch_embed"}


def recognise(
    state_dict: Mapping[str, Tensor], settings: ReferenceSettings, sizes: Sizes | None = None
) -> tuple[SpikingTransformer, DataSpec]:
    """The method of ours that a reference network is, and the data it takes.

    Raises:
        ColliculusError: the tensors are of no such network.
    """
    alone = any(name.startswith("patch_embed.") for name in state_dict)
    if alone and settings.modality is None:
        raise ColliculusError("the state dict is of one modality: name it, for example modality='audio'")
    stems = {settings.modality or "": "patch_embed"} if alone else _STEMS
    first = next(iter(stems.values()))
    dim = _shape(state_dict, f"{first}.rpe_conv.weight")[0]
    head = "head.weight" if "head.weight" in state_dict else "head.0.weight"
    channels = {m: _shape(state_dict, f"{stem}.proj_conv.weight")[1] for m, stem in stems.items()}
    spec = DataSpec(channels=channels, sizes=sizes or {}, num_classes=_shape(state_dict, head)[0])
    shallow = f"{first}.proj_conv3.weight" not in state_dict
    return _method(state_dict, settings, dim=dim, shallow=shallow), spec


def _method(
    state_dict: Mapping[str, Tensor], settings: ReferenceSettings, *, dim: int, shallow: bool
) -> SpikingTransformer:
    encoder = "shallow" if shallow else "deep"
    steps, heads, join = settings.time_steps, settings.num_heads, _JOIN[settings.interaction.lower()]
    if settings.modality is not None and "patch_embed.rpe_conv.weight" in state_dict:
        return Unimodal(
            modality=settings.modality, dim=dim, time_steps=steps, encoder=encoder, heads=heads, reference=True
        )
    match settings.cross_attention.lower():
        case "none":
            return LateFusion(dim=dim, time_steps=steps, encoder=encoder, fusion=join)
        case "weightattention":
            return WeightedAttention(dim=dim, time_steps=steps, encoder=encoder, fusion=join)
        case "cmci":
            return ReferenceCMCI(dim=dim, time_steps=steps, encoder=encoder)
        case "sca":
            return SCA(dim=dim, time_steps=steps, encoder=encoder, heads=heads, fusion=join, reference=True)
        case name:
            return SCMRL(
                dim=dim,
                time_steps=steps,
                encoder=encoder,
                heads=heads,
                cross_attention=_BRANCHES[name],
                alpha=settings.alpha,
                alignment="block.0.trans_linear.weight" in state_dict,
                fusion=join,
                reference=True,
            )


def _shape(state_dict: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    if name not in state_dict:
        raise ColliculusError(f"the state dict lacks {name}: it is no network of the reference program, or not whole")
    return tuple(state_dict[name].shape)
