"""Temporal attention scores: the weight of each time step, and where the weights act (TAAF, arXiv 2505.14535)."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional

from colliculus.layers import FUSED, per_modality, widened
from colliculus.types import ColliculusError, Fused, Output

ScoreInput = Literal["features", "logits"]
ScoreReduction = Literal["mean", "last", "max", "diagonal"]
ApplyTo = Literal["logits", "features", "gate"]


def attention_over_steps(queries: Tensor, keys: Tensor) -> Tensor:
    """A = softmax(Q K^T / sqrt(K)) over the last axis: (T, B, K) twice -> (B, T, T), queries first.

    Example:
        >>> import torch
        >>> attention_over_steps(torch.zeros(2, 1, 3), torch.ones(2, 1, 3))
        tensor([[[0.5000, 0.5000],
                 [0.5000, 0.5000]]])
    """
    scores = queries.transpose(0, 1) @ keys.permute(1, 2, 0) / sqrt(keys.shape[-1])
    return widened(scores).softmax(dim=-1)


def time_weights(attention: Tensor, reduction: ScoreReduction) -> Tensor:
    """Weights of the steps, alpha in the paper, (T, B), summing to 1 over T, from attention (B, T, T).

    Args:
        attention: rows are queries and sum to 1.
        reduction: "mean" over the queries (over the keys it would be the constant 1 / T), "last" (row of the last
            query), "max" over the queries or "diagonal"; the last two are divided by their sum.

    Example:
        >>> import torch
        >>> attention = torch.tensor([[[0.5, 0.5], [0.1, 0.9]]])
        >>> time_weights(attention, "mean").flatten(), time_weights(attention, "last").flatten()
        (tensor([0.3000, 0.7000]), tensor([0.1000, 0.9000]))
    """
    if reduction == "mean":
        return attention.mean(1).T
    if reduction == "last":
        return attention[:, -1].T
    chosen = attention.amax(1) if reduction == "max" else attention.diagonal(dim1=1, dim2=2)
    return (chosen / chosen.sum(1, keepdim=True)).T


class TemporalAttention(nn.Module):
    """Weights of a stream's steps: Q = O W^Q and K = O W^K, where W has K columns, one for each class.

    Args:
        features: width of O, the stream or its logits.
        num_classes: K.
        reduction: from attention to weights.

    Example:
        >>> import torch
        >>> weights = TemporalAttention(8, 5)(torch.rand(4, 2, 8))
        >>> weights.shape, torch.allclose(weights.sum(0), torch.ones(2))
        (torch.Size([4, 2]), True)
    """

    needs_window: ClassVar[str] = "weighs its steps against each other"

    def __init__(self, features: int, num_classes: int, reduction: ScoreReduction = "mean") -> None:
        super().__init__()
        self.query = nn.Linear(features, num_classes, bias=False)
        self.key = nn.Linear(features, num_classes, bias=False)
        self.reduction: ScoreReduction = reduction

    def forward(self, observed: Tensor) -> Tensor:
        """O (T, B, F) -> weights (T, B)."""
        return time_weights(attention_over_steps(self.query(observed), self.key(observed)), self.reduction)


def attention_of_streams(
    modalities: Mapping[str, int], joint: int | None, num_classes: int, reduction: ScoreReduction = "mean"
) -> dict[str, nn.Module]:
    """The temporal attention of each modality's stream, and of the joint one ("fused"), by name.

    Args:
        modalities: width of each stream, or of its logits.
        joint: width of the joint stream, or None without one.
        num_classes: K.
        reduction: from attention to weights.

    Raises:
        ColliculusError: a modality is called "fused".

    Example:
        >>> [*attention_of_streams({"audio": 8, "visual": 8}, 16, 5)]
        ['audio', 'visual', 'fused']
    """
    if FUSED in modalities:
        raise ColliculusError(f"a modality cannot be called {FUSED!r}, the name of the joint stream: rename it")
    widths = {**modalities, **({} if joint is None else {FUSED: joint})}
    return {name: TemporalAttention(width, num_classes, reduction) for name, width in widths.items()}


class TemporalAttentionReadout(nn.Module):
    """Linear readouts of the joint stream and of each modality's stream, with a temporal attention score for each.

    Z_u(t) = h_u(t) W_u + b_u, and the scores alpha_u weigh its steps. For the joint stream, y is

    - "logits": sum_t alpha(t) Z(t);
    - "features": the readout of sum_t alpha(t) h(t), one vector, so that Z(t) is y at every step;
    - "gate": the mean of Z(t), the readout of T alpha(t) h(t).

    The readout is linear and alpha sums to 1 over T, so the three give the same y. They differ in Z(t), and therefore
    in the loss of each step, and in the steps that carry the bias. Step logits are chosen so that y is their mean;
    each modality's evidence is its part of them, with an equal part of the bias.

    Without heads of their own, the logits of the modalities are their parts of the joint ones, h_m(t) times the slice
    of W for m plus an equal part of the bias ("shared" heads: no additional classifiers).

    Args:
        joint: maps the joint feature to K classes.
        own: maps each modality's stream to K classes; empty for shared heads.
        shared: features of each modality's stream, for shared heads.
        score_input: input of the scores, the streams or their logits.
        score_reduction: see `time_weights`.
        apply_to: where the score of the joint stream acts.
        detach: treat the scores as constants, so that no gradient flows through them.

    Raises:
        ColliculusError: a modality is called "fused".

    Example:
        >>> import torch
        >>> own = {"a": nn.Linear(8, 5), "b": nn.Linear(8, 5)}
        >>> head = TemporalAttentionReadout(nn.Linear(16, 5), own)
        >>> a, b = torch.rand(4, 2, 8), torch.rand(4, 2, 8)
        >>> nothing = torch.zeros_like(a)
        >>> parts = {"a": torch.cat([a, nothing], -1), "b": torch.cat([nothing, b], -1)}
        >>> output = head(Fused(joint=torch.cat([a, b], -1), parts=parts, streams={"a": a, "b": b}))
        >>> output.logits.shape, [*output.time_weights], [*output.modality_logits]
        (torch.Size([2, 5]), ['a', 'b', 'fused'], ['a', 'b'])
    """

    def __init__(
        self,
        joint: nn.Linear,
        own: Mapping[str, nn.Linear],
        *,
        shared: Mapping[str, int] = MappingProxyType({}),
        score_input: ScoreInput = "features",
        score_reduction: ScoreReduction = "mean",
        apply_to: ApplyTo = "logits",
        detach: bool = False,
    ) -> None:
        super().__init__()
        self.joint = joint
        self.own = per_modality(own)
        classes = joint.out_features
        streams, fused = {**{m: head.in_features for m, head in own.items()}, **shared}, joint.in_features
        if score_input == "logits":
            streams, fused = dict.fromkeys(streams, classes), classes
        self.attention = per_modality(attention_of_streams(streams, fused, classes, score_reduction))
        self.score_input: ScoreInput = score_input
        self.apply_to: ApplyTo = apply_to
        self.detach = detach

    def modules_of(self, modality: str) -> list[nn.Module]:
        """The modality's own head, if it has one, and its scores."""
        return [*([self.own[modality]] if modality in self.own else []), self.attention[modality]]

    def forward(self, fused: Fused) -> Output:
        """Joint feature (T, B, F), its parts and the streams (T, B, D) -> `Output` with logits (B, K)."""
        joint = self.joint(fused.joint)
        mapped = {m: functional.linear(part, self.joint.weight) for m, part in fused.parts.items()}
        bias = self.joint.bias / max(len(mapped), 1)
        own = {m: self.own[m](h) if m in self.own else mapped[m] + bias for m, h in fused.streams.items()}
        weights = {m: self._score(m, h, own[m]) for m, h in fused.streams.items()}
        weights[FUSED] = self._score(FUSED, fused.joint, joint)
        times = (len(joint) * weights[FUSED])[..., None]
        step_logits = self._weigh(functional.linear(fused.joint, self.joint.weight), self.joint.bias, times)
        evidence = {m: self._weigh(part, bias, times) for m, part in mapped.items()}
        logits = step_logits.mean(0)
        unweighted = {"logits": joint, "features": logits.expand_as(joint), "gate": step_logits}[self.apply_to]
        return Output(
            logits=logits,
            step_logits=step_logits,
            evidence=evidence,
            modality_logits=own,
            time_weights=weights,
            unweighted_logits=unweighted,
            residual=fused.residual,
            streams=fused.streams,
        )

    def _score(self, name: str, stream: Tensor, logits: Tensor) -> Tensor:
        weights: Tensor = self.attention[name](stream if self.score_input == "features" else logits)
        return weights.detach() if self.detach else weights

    def _weigh(self, mapped: Tensor, bias: Tensor, times: Tensor) -> Tensor:
        return times * (mapped + bias) if self.apply_to == "logits" else times * mapped + bias
