"""Conversion of checkpoints of the released S-CMRL program (arXiv 2502.12488) in both directions, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from colliculus.export.reference_methods import Sizes, checked, recognise
from colliculus.export.reference_names import layer_names, unused_layers
from colliculus.export.reference_settings import ReferenceSettings
from colliculus.fusion import SeparateStreams
from colliculus.model import MultimodalSNN
from colliculus.neurons import LIF, Dynamics
from colliculus.neurons.surrogate import Sigmoid
from colliculus.types import ColliculusError


def from_state_dict(
    state_dict: Mapping[str, Tensor], settings: ReferenceSettings | None = None, *, sizes: Sizes | None = None
) -> MultimodalSNN:
    """Our model with the weights of a reference network, in training mode; both compute the same.

    The semantic branch, the shallow encoder, widths, channels and classes are found in the tensors.

    Args:
        state_dict: tensors under the reference's names.
        settings: settings that the tensors do not show; None takes those of the published experiments.
        sizes: (H, W) of each modality; None takes inputs of any size, (B, C, H, W) or (T, B, C, H, W).

    Raises:
        ColliculusError: a tensor is missing, has another shape, or belongs to no such network.

    Example:
        >>> from colliculus import DataSpec, LateFusion
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> tensors = to_state_dict(LateFusion(dim=32).model(spec))
        >>> model = from_state_dict(tensors, ReferenceSettings(cross_attention="none"))
        >>> model({"audio": torch.zeros(2, 1, 48, 48), "visual": torch.zeros(2, 3, 48, 48)}).logits.shape
        torch.Size([2, 6])
    """
    method, spec = recognise(state_dict, settings or ReferenceSettings(), sizes)
    with torch.random.fork_rng(devices=[]):  # initial weights are overwritten: keep the caller's random numbers
        model = method.model(spec)
    return fill(model, state_dict)


def fill(model: MultimodalSNN, state_dict: Mapping[str, Tensor]) -> MultimodalSNN:
    """Load reference tensors into our model, and keep the unused ones for the conversion back.

    Raises:
        ColliculusError: a tensor is missing, has another shape, or does not belong to this network.
    """
    left = checked(state_dict)
    ours = {name: _take(left, theirs, value) for (name, theirs), value in _entries(model)}
    for layer, theirs in _neurons(model):
        for scalar, value in _scalars(layer).items():
            found = left.pop(f"{theirs}.{scalar}", value)
            if not torch.equal(found, value):
                raise ColliculusError(
                    f"{theirs}.{scalar} is {found.tolist()} instead of the program's {value.item():g}: use a state "
                    "dict of that program"
                )
    may_stay = tuple(f"{name}." for name, _ in unused_layers(model))
    if isinstance(model.fusion, SeparateStreams):
        may_stay += ("block.0.", "block.1.")  # without exchange the program uses no attention
    if strangers := [name for name in left if not name.startswith(may_stay)]:
        raise ColliculusError(
            f"the state dict has {strangers[0]}, but this network has not: check cross_attention and interaction"
        )
    model.load_state_dict(ours)
    return keep_unused(model, left)


def keep_unused(model: MultimodalSNN, tensors: Mapping[str, Tensor]) -> MultimodalSNN:
    """Keep unused tensors in `model`, so that `to_state_dict` returns them."""
    model.add_module("unused_parameters", UnusedTensors(tensors))
    return model


def _take(left: dict[str, Tensor], name: str, ours: Tensor) -> Tensor:
    if name not in left:
        raise ColliculusError(
            f"the state dict has no {name}: check cross_attention and interaction, and that the file is complete"
        )
    tensor = left.pop(name)
    if tensor.shape != ours.shape:
        raise ColliculusError(
            f"{name} has shape {tuple(tensor.shape)} instead of {tuple(ours.shape)}: check cross_attention and "
            "interaction"
        )
    return tensor


def to_state_dict(model: MultimodalSNN) -> dict[str, Tensor]:
    """The tensors of `model` under the reference's names, in the form that its program loads.

    They include those that the reference does not use (`unused_parameters`).

    Raises:
        ColliculusError: the model computes something that the reference cannot.
    """
    tensors = {theirs: value for (_, theirs), value in _entries(model)}
    for layer, theirs in _neurons(model):
        tensors |= {f"{theirs}.{scalar}": value for scalar, value in _scalars(layer).items()}
    return {name: value.detach().cpu().clone() for name, value in (unused_parameters(model) | tensors).items()}


def parameter_names(model: MultimodalSNN) -> dict[str, str]:
    """Every parameter and buffer of `model`, and its name in the reference.

    Raises:
        ColliculusError: the model computes something that the reference cannot.
    """
    return dict(names for names, _ in _entries(model))


def unused_parameters(model: MultimodalSNN) -> dict[str, Tensor]:
    """Tensors in the reference's state dict that its forward pass does not use, by name; our model has no counterpart.

    An imported model returns the tensors of its checkpoint, a model of our own returns default ones.
    """
    kept = getattr(model, "unused_parameters", None)
    return kept.tensors() if isinstance(kept, UnusedTensors) else _plain(model)


class UnusedTensors(nn.Module):
    """Unused tensors of a reference state dict, kept for the conversion back. They are not trained.

    Args:
        tensors: tensors by their names in the reference.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, value in tensors.items():
            self.register_buffer(name.replace(".", "/"), value.detach().clone(), persistent=False)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by their names in the reference."""
        return {name.replace("/", "."): value for name, value in self.named_buffers()}


def _entries(model: MultimodalSNN) -> Iterator[tuple[tuple[str, str], Tensor]]:
    """Every parameter and buffer: its name, its name in the reference, its value."""
    layers = layer_names(model)
    for ours, value in model.state_dict().items():
        layer, _, leaf = ours.rpartition(".")
        yield (ours, f"{layers[layer]}.{leaf}"), value


def _neurons(model: MultimodalSNN) -> Iterator[tuple[LIF, str]]:
    for ours, theirs in layer_names(model).items():
        if isinstance(neuron := model.get_submodule(ours), LIF):
            yield neuron, theirs


def _scalars(neuron: LIF | None = None) -> dict[str, Tensor]:
    """Tensors of a neuron in the reference's state dict; None gives those of its default neuron."""
    dynamics = Dynamics() if neuron is None else neuron.dynamics
    slope = dynamics.surrogate.slope if isinstance(dynamics.surrogate, Sigmoid) else Sigmoid().slope
    return {"threshold": torch.tensor(dynamics.threshold), "act_fun.alpha": torch.tensor(slope)}


def _plain(model: MultimodalSNN) -> dict[str, Tensor]:
    """Default values of the unused tensors: fresh normalisations and maps of zeros."""
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
    return {f"{layer}.{leaf}": value for layer, kind in unused_layers(model) for leaf, value in kinds[kind].items()}
