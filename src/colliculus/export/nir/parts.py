"""The graphs of a network: one of the whole, or one of each modality and one of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from colliculus.export.nir.fusions import is_sum_of_shares, write_rest
from colliculus.export.nir.graph import GraphWriter, Shape, Signal
from colliculus.export.nir.layers import NotInNIRError, Writing, write
from colliculus.export.nir.target import Pool
from colliculus.model import MultimodalSNN

Gives = Literal["logits", "share", "tokens"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How graphs are written; see `GraphWriter`."""

    dt: float
    pool: Pool
    bits: int | None
    stacked: bool = True
    """Stack inputs of one size."""


@dataclass(frozen=True, kw_only=True)
class GraphPart:
    """A graph, which becomes a file.

    Args:
        name: of the file, without its ending.
        graph: the graph.
        takes: modalities, in the order in which their channels are stacked in the input.
        of_tokens: True if the input are the tokens that other graphs give.
        gives: the logits of a step, a modality's share of them (the sum is the logits), or tokens (D, rows, columns).
        shape: shape of the output.
        spikes: the signal of each neuron in it, by the name of its module.
        left: parts of the modality's encoder that the graph leaves to the rest.
    """

    name: str
    graph: Any
    takes: tuple[str, ...]
    of_tokens: bool = False
    gives: Gives
    shape: Shape
    spikes: Mapping[str, Signal]
    left: tuple[nn.Module, ...] = ()


def whole_parts(model: MultimodalSNN, settings: Settings) -> list[GraphPart]:
    """All of the network in NIR, in as few graphs as possible, each with one input, because readers take no more.

    Inputs of one size are stacked. Otherwise a modality that only adds a share to the logits is a graph of its own;
    else there is a graph of each modality, up to its tokens, and one of the rest.

    Raises:
        NotInNIRError: NIR cannot say a part of the network.
    """
    if settings.stacked and len({coded_shape(model, m)[2:] for m in model.modalities}) == 1:
        return [_logits(model, settings, model.modalities, "whole")]
    if is_sum_of_shares(model):
        return [_logits(model, settings, (m,), m) for m in model.modalities]
    parts = [_tokens(model, settings, m, whole=True) for m in model.modalities]
    return [*parts, _rest(model, settings, parts)]


def token_parts(model: MultimodalSNN, settings: Settings) -> list[GraphPart]:
    """A graph of each modality up to its tokens, or as far towards them as NIR can say.

    Raises:
        NotInNIRError: NIR cannot say the beginning of an encoder.
    """
    return [_tokens(model, settings, m, whole=False) for m in model.modalities]


def coded_shape(model: MultimodalSNN, modality: str) -> tuple[int, int, int, int]:
    """(T, C, H, W) of a modality after its coding, which may show several frames as channels.

    Raises:
        ColliculusError: the data do not say the size.
    """
    coded = model.coding[modality](torch.zeros(model.spec.input_shape(modality, 1)))
    steps, _, channels, rows, columns = coded.shape
    return steps, channels, rows, columns


def coding_of(model: MultimodalSNN, modality: str) -> list[str]:
    """The steps of a modality's coding, which the host computes: names of their classes."""
    coding = model.coding[modality]
    return [type(part).__name__ for part in (coding if isinstance(coding, nn.Sequential) else [coding])]


def _logits(model: MultimodalSNN, settings: Settings, modalities: tuple[str, ...], name: str) -> GraphPart:
    to, inputs = _begin(model, settings, {m: coded_shape(model, m) for m in modalities})
    tokens = {m: write(model.encoders[m], to, x) for m, x in inputs.items()}
    gives: Gives = "logits" if modalities == model.modalities else "share"
    return _part(name, to, write_rest(model, to, tokens), modalities, gives)


def _tokens(model: MultimodalSNN, settings: Settings, modality: str, *, whole: bool) -> GraphPart:
    """The encoder of a modality: all of it, or as many of its parts as NIR can say."""
    to, inputs = _begin(model, settings, {modality: coded_shape(model, modality)})
    x, encoder = inputs[modality], model.encoders[modality]
    first, *left = encoder if isinstance(encoder, nn.Sequential) else [encoder]
    x = write(first, to, x)
    while left:
        try:
            x = write(left[0], to, x)
        except NotInNIRError:
            if whole:
                raise
            break
        left.pop(0)
    return _part(modality, to, x, (modality,), "tokens", left=tuple(left))


def _rest(model: MultimodalSNN, settings: Settings, parts: list[GraphPart]) -> GraphPart:
    if len({part.shape[1:] for part in parts}) > 1:
        grids = {part.name: part.shape[1:] for part in parts}
        raise NotInNIRError(f"moves tokens between the grids {grids}")
    shapes = {part.name: (coded_shape(model, part.name)[0], *part.shape) for part in parts}
    to, tokens = _begin(model, settings, shapes)
    return _part("rest", to, write_rest(model, to, tokens), model.modalities, "logits", of_tokens=True)


def _begin(
    model: MultimodalSNN, settings: Settings, shapes: Mapping[str, tuple[int, int, int, int]]
) -> tuple[Writing, dict[str, Signal]]:
    """A new graph whose input is that of these modalities, (T, C, H, W), stacked as channels; and each one's signal."""
    steps, _, rows, columns = next(iter(shapes.values()))
    graph = GraphWriter(steps=steps, dt=settings.dt, pool=settings.pool, bits=settings.bits)
    stacked = graph.input((sum(shape[1] for shape in shapes.values()), rows, columns))
    signals, start = dict[str, Signal](), 0
    for m, (_, *shape) in shapes.items():
        signals[m] = Signal(stacked.nodes, (shape[0], rows, columns), start=start)
        start += shape[0]
    return Writing(graph, {module: name for name, module in model.named_modules()}), signals


def _part(
    name: str,
    to: Writing,
    x: Signal,
    takes: tuple[str, ...],
    gives: Gives,
    *,
    of_tokens: bool = False,
    left: tuple[nn.Module, ...] = (),
) -> GraphPart:
    return GraphPart(
        name=name,
        graph=to.graph.output(x),
        takes=takes,
        of_tokens=of_tokens,
        gives=gives,
        shape=x.shape,
        spikes=to.graph.spikes,
        left=left,
    )
