"""A trained network in the precision that it is evaluated in."""

from __future__ import annotations

from copy import copy, deepcopy
from functools import partial
from math import frexp
from typing import get_args

import torch
from torch import Tensor, nn

from colliculus.evaluation.inference import spiking_layers
from colliculus.layers.int8 import MOST, Int8, Layer
from colliculus.model import MultimodalSNN
from colliculus.runtime import InferencePrecision
from colliculus.types import ColliculusError, unknown_name

_CLIPS, _CONTRAST = 4, 3.0  # of the noise that shows which layers get whole numbers


def in_precision(model: MultimodalSNN, precision: InferencePrecision) -> MultimodalSNN:
    """The network for evaluation in a precision; the given one stays as it is.

    "bf16" shares the weights, and runs matrix products and convolutions in bfloat16. "int8" is a copy: weights of
    layers that get whole numbers, such as spikes, are rounded to 8 bits with one scale for each output; layers that get
    data, currents or means keep their weights, as does the head.

    Raises:
        ColliculusError: the precision is unknown, or int8 is asked of a network in which no layer gets spikes.

    Example:
        >>> from colliculus import DataSpec, LateFusion
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3)
        >>> model = LateFusion(dim=8, time_steps=2).model(spec)
        >>> in_precision(model, "bf16").precision, model.precision
        ('bf16', 'fp32')
    """
    if precision not in get_args(InferencePrecision):
        raise unknown_name("precision", precision, get_args(InferencePrecision))
    if precision == model.precision:
        return model
    if model.precision == "int8":
        raise ColliculusError(f"the weights of this network were rounded to int8: open the run again for {precision}")
    narrow = copy(model) if precision != "int8" else _rounded(model)
    narrow.precision = precision
    return narrow


def _rounded(model: MultimodalSNN) -> MultimodalSNN:
    unit, names = unit_of(model), layers_of_spikes(model)
    if not names:
        raise ColliculusError("int8 rounds the weights of layers that get spikes, and this network has none: use fp32")
    narrow = deepcopy(model)
    for name in names:
        layer = narrow.get_submodule(name)
        assert isinstance(layer, Layer)  # noqa: S101
        parent, _, leaf = name.rpartition(".")
        setattr(narrow.get_submodule(parent), leaf, Int8(layer, unit))
    return narrow


def unit_of(model: MultimodalSNN) -> float:
    """The least value of a level of the network's spikes: 1 for binary ones; a power of two, or int8 is refused.

    Raises:
        ColliculusError: it is another number, of which float32 has no exact multiples.
    """
    unit = min((neuron.unit for neuron in spiking_layers(model).values()), default=1.0)
    if frexp(unit)[0] != 0.5:
        raise ColliculusError(f"spikes have steps of {unit}, and int8 takes powers of two, such as 0.5: use fp32")
    return unit


def layers_of_spikes(model: MultimodalSNN) -> list[str]:
    """Names of the layers whose inputs are multiples of `unit_of` from 0 to 255, as spikes and sums of spikes are.

    A copy of the network sees noise, and normalises by the statistics of the batch, so that all layers fire whatever
    the weights. A layer that gets nothing but 0 even so is left out.
    """
    lively = deepcopy(model).eval()
    for part in lively.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.train()
    found = dict[str, list[bool]]()
    for name, part in lively.named_modules():
        if name.startswith("head."):  # means of spikes; whole numbers they are by chance, of a single token
            continue
        if type(part) in (nn.Conv2d, nn.Conv1d, nn.Linear) and _is_plain(part):
            found[name] = []
            part.register_forward_pre_hook(partial(_look, found[name], unit_of(model)))
    generator = torch.Generator().manual_seed(0)
    like = next(model.parameters())
    noise = {m: torch.randn(model.spec.input_shape(m, _CLIPS), generator=generator) for m in model.modalities}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        lively({m: _CONTRAST * x.to(like.device) for m, x in noise.items()})
    return [name for name, seen in found.items() if seen and all(seen)]


def _is_plain(layer: nn.Module) -> bool:
    """True for what `Int8` computes: no groups, no dilation, zeros as padding, and in 1-d a kernel of 1."""
    if isinstance(layer, nn.Linear):
        return True
    assert isinstance(layer, nn.Conv1d | nn.Conv2d)  # noqa: S101
    plain = layer.groups == 1 and not isinstance(layer.padding, str) and layer.padding_mode == "zeros"
    point = isinstance(layer, nn.Conv2d) or (layer.kernel_size == (1,) and layer.stride == (1,))
    return plain and point and not any(n > 1 for n in layer.dilation)


def _look(seen: list[bool], unit: float, _layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Note whether an input holds whole numbers of units from 0 to 255; one that is all 0 says nothing."""
    x = inputs[0] / unit
    if x.any():
        seen.append(bool(((x == x.round()) & (x >= 0) & (x <= MOST)).all()))
