"""Inside of a forward pass: gradients over inputs and feature maps, attention received, spikes, and joint features.

Gradients of a spiking network are those of its surrogate: they show what would change the prediction if spikes were
slightly smooth. They are a hint, not a measurement; `contribution` measures what a modality contributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from colliculus.data.evenly import evenly
from colliculus.evaluation.inference import inference_mode, neurons_of, recorded, spiking_layers
from colliculus.fusion.exchange import OTHERS
from colliculus.layers.attention import OverTokens, SpikingAttention
from colliculus.model import MultimodalSNN

LEAST_PLACES = 7
"""Height and width of a feature map that is fine enough to show where."""


def grad_cam(features: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM at every step, (T, B, D, H, W) -> (T, B, H, W): features A and the gradient dy / dA of a logit y.

    M(t, i, j) = max(0, sum_d w_d(t) A_d(t, i, j)) with w_d(t) the mean over places of dy / dA_d(t).

    Source: Selvaraju et al., arXiv 1610.02391, equations 1 and 2, here for each time step.

    Example:
        >>> features = torch.tensor([1.0, 0.0, 3.0, 2.0]).reshape(1, 1, 2, 1, 2)  # two channels, two places
        >>> gradient = torch.tensor([1.0, 3.0, -1.0, 0.0]).reshape(1, 1, 2, 1, 2)  # mean 2 and -0.5
        >>> grad_cam(features, gradient).flatten()
        tensor([0.5000, 0.0000])
    """
    weights = gradient.mean(dim=(-2, -1), keepdim=True)
    return (weights * features).sum(dim=2).relu()


def saliency(gradient: Tensor) -> Tensor:
    """How strongly each place of the input changes a logit: |dy / dx| summed over channels, (*, C, H, W) -> (*, H, W).

    Source: Simonyan et al., arXiv 1312.6034 (there the largest channel).
    """
    return gradient.abs().sum(dim=-3)


@dataclass(frozen=True)
class GradientMaps:
    """Gradient maps of one modality, for the predicted class.

    Args:
        layer: name of the layer whose feature map `cam` shows.
        cam: Grad-CAM, (T, B, H', W') on the grid of that layer.
        gradient: `saliency` of the input, (B, H, W), or (T', B, H, W) for a sequence.
    """

    layer: str
    cam: Tensor
    gradient: Tensor


def gradient_maps(model: MultimodalSNN, inputs: Mapping[str, Tensor]) -> dict[str, GradientMaps]:
    """Maps of each modality, for the class that is predicted for each sample; the model's gradients stay untouched.

    The feature map is the deepest of the modality's encoder with at least `LEAST_PLACES` places in height and width; in
    an encoder without one, the finest.
    """
    given = {m: inputs[m].detach().clone().requires_grad_() for m in model.modalities if m in inputs}
    neurons = {f"{m} {name}": x for m in given for name, x in neurons_of(model.encoders[m]).items()}
    with inference_mode(model), torch.enable_grad(), recorded(neurons, lambda name, spikes: (name, spikes)) as seen:
        logits = model(given).logits
        chosen = logits.gather(1, logits.argmax(dim=1, keepdim=True)).sum()  # samples are independent in eval mode
        layers, features = zip(*(_deepest(m, seen) for m in given), strict=True)
        wanted = [*features, *given.values()]
        found = torch.autograd.grad(chosen, wanted, allow_unused=True, materialize_grads=True)
    cams = [grad_cam(x.detach(), g) for x, g in zip(features, found[: len(features)], strict=True)]
    gradients = [saliency(g) for g in found[len(features) :]]
    return {m: GradientMaps(*maps) for m, maps in zip(given, zip(layers, cams, gradients, strict=True), strict=True)}


def _deepest(modality: str, seen: Sequence[tuple[str, Tensor]]) -> tuple[str, Tensor]:
    """Name and values (T, B, D, H, W) of the last map that is fine enough, otherwise of the finest."""
    maps = [
        (name.removeprefix(f"{modality} "), x) for name, x in seen if name.startswith(f"{modality} ") and x.ndim == 5
    ]
    fine = [found for found in maps if min(found[1].shape[-2:]) >= LEAST_PLACES]
    return fine[-1] if fine else max(maps, key=lambda found: found[1].shape[-2:].numel())


@dataclass(frozen=True)
class AttentionMap:
    """Attention that the tokens of one modality received.

    Args:
        layer: name of the attention layer.
        source: modality whose tokens are attended to.
        received: share of all scores on each of its tokens, (B, N'); all zero where no score is positive.
    """

    layer: str
    source: str
    received: Tensor


def attention_received(scores: Tensor) -> Tensor:
    """Share of the scores on each attended token, (T, B, heads, N, N') -> (B, N').

    Example:
        >>> scores = torch.tensor([[1.0, 0.0], [2.0, 1.0]]).reshape(1, 1, 1, 2, 2)  # two queries, two keys
        >>> attention_received(scores)
        tensor([[0.7500, 0.2500]])
    """
    sums = scores.clamp(min=0).sum(dim=(0, 2, 3))
    return sums / sums.sum(dim=1, keepdim=True).clamp(min=torch.finfo(sums.dtype).tiny)


def attention_maps(model: MultimodalSNN, inputs: Mapping[str, Tensor]) -> list[AttentionMap]:
    """Maps of every spiking attention over tokens, in the order of computation."""
    scores = {
        layer: module.scores
        for layer, module in model.named_modules()
        if isinstance(module, SpikingAttention) and isinstance(module.axis, OverTokens)
    }

    def received(layer: str, scores: Tensor) -> AttentionMap:
        return AttentionMap(layer, _source(layer, model.modalities), attention_received(scores))

    with inference_mode(model), recorded(scores, received) as found:
        model(inputs)
    return found


def spike_rasters(model: MultimodalSNN, inputs: Mapping[str, Tensor], most_neurons: int) -> dict[str, Tensor]:
    """Spikes of every spiking layer by name, (B, T, neurons), of at most so many neurons, evenly over the layer."""

    def raster(name: str, spikes: Tensor) -> tuple[str, Tensor]:
        fired = spikes.flatten(2).transpose(0, 1) > 0
        rows = torch.from_numpy(evenly(most_neurons, fired.shape[2])).to(fired.device)
        return name.removesuffix(".neuron"), fired[..., rows]

    with inference_mode(model), recorded(spiking_layers(model), raster) as found:
        model(inputs)
    return dict(found)


def fused_features(model: MultimodalSNN, inputs: Mapping[str, Tensor]) -> Tensor:
    """The joint feature that the head reads, its mean over time, (B, F)."""
    with inference_mode(model), recorded({"fusion": model.fusion}, lambda _, fused: fused.joint.mean(0)) as found:
        model(inputs)
    return found[0]


def _source(layer: str, modalities: tuple[str, ...]) -> str:
    """The attended modality by the layer's name: "visual_from_audio" attends to audio.

    The mean of the others lies on the grid of the first of them, which stands for it.
    """
    words = [*chain.from_iterable(word.split("_from_") for word in layer.split("."))]
    if OTHERS in words:
        return next(m for m in modalities if m not in words)
    named = [word for word in words if word in modalities]
    return named[-1] if named else modalities[0]
