"""Checkpoints of the released S-CMRL program (arXiv 2502.12488): there and back, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from colliculus.export.reference_methods import Sizes, checked, recognise
from colliculus.export.reference_names import layer_names, never_acting_layers
from colliculus.export.reference_settings import ReferenceSettings
from colliculus.fusion import SeparateStreams
from colliculus.model import MultimodalSNN
from colliculus.neurons import Dynamics, SpikingNeuron
from colliculus.neurons.surrogate import Sigmoid
from colliculus.types import ColliculusError


def from_state_dict(
    state_dict: Mapping[str, Tensor],
    *,
    time_steps: int = ReferenceSettings.time_steps,
    cross_attention: str = ReferenceSettings.cross_attention,
    interaction: str = ReferenceSettings.interaction,
    alpha: float = ReferenceSettings.alpha,
    num_heads: int = ReferenceSettings.num_heads,
    modality: str | None = None,
    sizes: Sizes | None = None,
) -> MultimodalSNN:
    """Our model with the weights of a reference network, in training mode; both compute the same.

    The semantic branch, the shallow encoder, widths, channels and classes are read off the tensors. The defaults of the
    rest are those of the published experiments.

    Args:
        state_dict: tensors under the reference's names.
        time_steps: T.
        cross_attention: "none", "Spatial", "Temporal", "SpatialTemporal", "WeightAttention", "SCA" or "CMCI".
        interaction: "Add" or "Concat".
        alpha: weight of the cross-modal residual.
        num_heads: attention heads.
        modality: name of the only modality, for the state dict of a single-modality network.
        sizes: (H, W) of each modality; None takes inputs of any size, (B, C, H, W) or (T, B, C, H, W).

    Raises:
        ColliculusError: a tensor is missing, has another shape, or belongs to no such network.

    Example:
        >>> from colliculus import DataSpec, LateFusion
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> tensors = to_state_dict(LateFusion(dim=32).model(spec))
        >>> settings = {"cross_attention": "none", "interaction": "Add", "alpha": 1.5, "num_heads": 16}
        >>> model = from_state_dict(tensors, time_steps=4, **settings)
        >>> model({"audio": torch.zeros(2, 1, 48, 48), "visual": torch.zeros(2, 3, 48, 48)}).logits.shape
        torch.Size([2, 6])
    """
    settings = ReferenceSettings(
        time_steps=time_steps,
        cross_attention=cross_attention,
        interaction=interaction,
        alpha=alpha,
        num_heads=num_heads,
        modality=modality,
    )
    method, spec = recognise(state_dict, settings, sizes)
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn in vain: the caller's random numbers stay
        model = method.model(spec)
    return fill(model, state_dict)


def fill(model: MultimodalSNN, state_dict: Mapping[str, Tensor]) -> MultimodalSNN:
    """Load reference tensors into our model and keep those that never act, for the way back.

    Raises:
        ColliculusError: a tensor is missing, has another shape, or has no place in this network.
    """
    left = checked(state_dict)
    ours = {name: _take(left, theirs, value) for (name, theirs), value in _entries(model)}
    for layer, theirs in _neurons(model):
        for scalar, value in _scalars(layer).items():
            found = left.pop(f"{theirs}.{scalar}", value)
            if not torch.equal(found, value):
                raise ColliculusError(
                    f"{theirs}.{scalar} is {found.tolist()} and not {value.item():g}, which all neurons of the program "
                    "have: give a state dict that it wrote"
                )
    may_stay = tuple(f"{name}." for name, _ in never_acting_layers(model))
    if isinstance(model.fusion, SeparateStreams):
        may_stay += ("block.0.", "block.1.")  # without exchange no attention acts, whichever the program made
    if strangers := [name for name in left if not name.startswith(may_stay)]:
        raise ColliculusError(
            f"the state dict holds {strangers[0]}, which this network does not: check cross_attention and interaction"
        )
    model.load_state_dict(ours)
    return keep_never_acting(model, left)


def keep_never_acting(model: MultimodalSNN, tensors: Mapping[str, Tensor]) -> MultimodalSNN:
    """Let `model` carry the tensors it came with that never act, so that `to_state_dict` gives them back."""
    model.add_module("never_acting", NeverActing(tensors))
    return model


def _take(left: dict[str, Tensor], name: str, ours: Tensor) -> Tensor:
    if name not in left:
        raise ColliculusError(
            f"the state dict lacks {name}: check cross_attention and interaction, or that the file is whole"
        )
    tensor = left.pop(name)
    if tensor.shape != ours.shape:
        raise ColliculusError(
            f"{name} has shape {tuple(tensor.shape)} where {tuple(ours.shape)} is expected: check cross_attention and "
            "interaction"
        )
    return tensor


def to_state_dict(model: MultimodalSNN) -> dict[str, Tensor]:
    """The tensors of `model` under the reference's names, in a form that program loads.

    Those that never act in the reference are there too (`never_acting`).

    Raises:
        ColliculusError: the model computes something that the reference cannot.
    """
    tensors = {theirs: value for (_, theirs), value in _entries(model)}
    for layer, theirs in _neurons(model):
        tensors |= {f"{theirs}.{scalar}": value for scalar, value in _scalars(layer).items()}
    return {name: value.detach().cpu().clone() for name, value in (never_acting(model) | tensors).items()}


def parameter_names(model: MultimodalSNN) -> dict[str, str]:
    """Every parameter and buffer of `model`, and its name in the reference.

    Raises:
        ColliculusError: the model computes something that the reference cannot.
    """
    return dict(names for names, _ in _entries(model))


def never_acting(model: MultimodalSNN) -> dict[str, Tensor]:
    """What the reference's state dict holds and its forward never reads, by name: our model has no counterpart.

    They are the tensors that the model came with; a model of our own gets plain ones.
    """
    kept = getattr(model, "never_acting", None)
    return kept.tensors() if isinstance(kept, NeverActing) else _plain(model)


class NeverActing(nn.Module):
    """Tensors of a reference state dict that its forward never reads, kept for the way back. They are not trained.

    Args:
        tensors: by their names there.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, value in tensors.items():
            self.register_buffer(name.replace(".", "/"), value.detach().clone(), persistent=False)

    def tensors(self) -> dict[str, Tensor]:
        """By their names in the reference."""
        return {name.replace("/", "."): value for name, value in self.named_buffers()}


def _entries(model: MultimodalSNN) -> Iterator[tuple[tuple[str, str], Tensor]]:
    """Every parameter and buffer: its name, its name in the reference, its value."""
    layers = layer_names(model)
    for ours, value in model.state_dict().items():
        layer, _, leaf = ours.rpartition(".")
        yield (ours, f"{layers[layer]}.{leaf}"), value


def _neurons(model: MultimodalSNN) -> Iterator[tuple[SpikingNeuron, str]]:
    for ours, theirs in layer_names(model).items():
        if isinstance(neuron := model.get_submodule(ours), SpikingNeuron):
            yield neuron, theirs


def _scalars(neuron: SpikingNeuron | None = None) -> dict[str, Tensor]:
    """What the reference keeps of a neuron among its tensors; None: of one as it makes them."""
    dynamics = Dynamics() if neuron is None else neuron.dynamics
    slope = dynamics.surrogate.slope if isinstance(dynamics.surrogate, Sigmoid) else Sigmoid().slope
    return {"threshold": torch.tensor(dynamics.threshold), "act_fun.alpha": torch.tensor(slope)}


def _plain(model: MultimodalSNN) -> dict[str, Tensor]:
    """Tensors that never act, as a fresh normalisation or a map of zeros has them."""
    dim = next(value.shape[0] for (_, theirs), value in _entries(model) if theirs.endswith("rpe_conv.weight"))
    zeros, ones = torch.zeros(dim), torch.ones(dim)
    statistics = {"running_mean": zeros, "running_var": ones, "num_batches_tracked": torch.tensor(0)}
    norm = {"weight": ones, "bias": zeros}
    kinds = {
        "linear": {"weight": torch.zeros(dim, dim), "bias": zeros},
        "projection": {"weight": torch.zeros(dim, dim, 1)},
        "norm": norm,
        "batch norm": norm | statistics,
        "neuron": _scalars(),
    }
    return {
        f"{layer}.{leaf}": value for layer, kind in never_acting_layers(model) for leaf, value in kinds[kind].items()
    }
