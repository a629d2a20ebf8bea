"""Spiking attention without softmax, over the tokens of a step or over the steps of a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from colliculus.layers.conv_bn_spike import NeuronFactory, ProjectionBNSpike
from colliculus.layers.ends import for_each_end, until_end
from colliculus.layers.time import stepwise
from colliculus.neurons import LIF, carrying
from colliculus.types import ColliculusError


class Axis(Protocol):
    """Axis of attention: splits (T, B, D, N) into heads of attending elements, and merges them again."""

    def split(self, x: Tensor, heads: int) -> Tensor:
        """(T, B, D, N) -> (*, heads, attending, D / heads)."""
        ...

    def merge(self, o: Tensor) -> Tensor:
        """The reverse of `split`."""
        ...

    @property
    def causal(self) -> bool:
        """True if an element attends only to those before it and to itself."""
        ...

    @property
    def needs_window(self) -> str | None:
        """Why the attention cannot run step by step; None if it can."""
        ...


@dataclass(frozen=True)
class OverTokens:
    """The N tokens of a step attend to each other: (T, B, heads, N, d)."""

    @property
    def causal(self) -> bool:
        """No order of tokens."""
        return False

    def split(self, x: Tensor, heads: int) -> Tensor:
        """(T, B, D, N) -> (T, B, heads, N, d)."""
        return x.unflatten(2, (heads, -1)).transpose(-1, -2)

    def merge(self, o: Tensor) -> Tensor:
        """(T, B, heads, N, d) -> (T, B, D, N)."""
        return o.transpose(-1, -2).flatten(2, 3)

    @property
    def needs_window(self) -> None:
        """Nothing: every step is on its own."""


@dataclass(frozen=True)
class OverSteps:
    """The T steps of a token attend to each other: (N, B, heads, T, d).

    Args:
        swap: move T before the heads when they are merged. The released S-CMRL reads (heads, T, d) as (T, heads * d)
            without swapping, which mixes steps and channels; False computes the same as that program.
        causal: a step attends to itself and to earlier ones only, so that the attention can run step by step.

    Raises:
        ColliculusError: `causal` without `swap`, which would mix later steps in.
    """

    swap: bool = True
    causal: bool = False

    def __post_init__(self) -> None:
        if self.causal and not self.swap:
            raise ColliculusError("`causal` attention needs `swap`: without it steps are mixed when heads are merged")

    def split(self, x: Tensor, heads: int) -> Tensor:
        """(T, B, D, N) -> (N, B, heads, T, d)."""
        return x.unflatten(2, (heads, -1)).permute(4, 1, 2, 0, 3)

    def merge(self, o: Tensor) -> Tensor:
        """(N, B, heads, T, d) -> (T, B, D, N)."""
        tokens, batch, heads, steps, width = o.shape
        merged = (o.transpose(2, 3) if self.swap else o).reshape(tokens, batch, steps, heads * width)
        return merged.permute(2, 1, 3, 0)

    @property
    def needs_window(self) -> str | None:
        """Steps attend to later ones, unless it is causal."""
        return None if self.causal else "attends over all steps"


class SpikingAttention(nn.Module):
    """x attends to y; spikes in, spikes out, no softmax (Spikformer, arXiv 2209.15425; S-CMRL, arXiv 2502.12488).

    q = LIF(BN(W_q x)), k = LIF(BN(W_k y)), v = LIF(BN(W_v y)); o = scale * (q k^T) v in every head;
    out = LIF(BN(W_p LIF(o))), or LIF(BN(W_p LIF(BN(o)))) with `normalise`.

    Args:
        dim: D, a multiple of `heads`.
        heads: number of heads.
        axis: axis of the attention.
        neuron: makes the neurons.
        attention_neuron: makes the neurons of q, k, v and o; None uses `neuron`.
        scale: constant factor of the scores.
        normalise: BatchNorm before the attention neuron.
        scores: changes the scores q k^T (T, B, heads, N, N') before they are multiplied by v; None leaves them.

    Raises:
        ColliculusError: `dim` is not a multiple of `heads`, or there are `scores` on a causal axis.

    Example:
        >>> import torch
        >>> x, y = torch.zeros(4, 2, 32, 9), torch.zeros(4, 2, 32, 9)
        >>> SpikingAttention(32, 4, OverTokens())(x, y).shape
        torch.Size([4, 2, 32, 9])
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        axis: Axis,
        neuron: NeuronFactory = LIF,
        *,
        attention_neuron: NeuronFactory | None = None,
        scale: float = 0.25,
        normalise: bool = False,
        scores: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ColliculusError(
                f"`heads` is {heads}, and a width of {dim} cannot be split into that many equal parts"
            )
        if axis.causal and scores is not None:
            raise ColliculusError("a causal axis keeps no scores of earlier calls: leave `scores` at None")
        self.heads = heads
        self.axis = axis
        self.needs_window = axis.needs_window
        self.heeds_ends = isinstance(axis, OverSteps) and axis.swap  # without it, merging mixes steps
        self.scale = scale
        inner = attention_neuron or neuron
        self.query = ProjectionBNSpike(dim, dim, inner)
        self.key = ProjectionBNSpike(dim, dim, inner)
        self.value = ProjectionBNSpike(dim, dim, inner)
        self.scores = scores or nn.Identity()
        self.norm = nn.BatchNorm1d(dim) if normalise else nn.Identity()
        self.neuron = inner()
        self.project = ProjectionBNSpike(dim, dim, neuron)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x (T, B, D, N) attends to y (T, B, D, N') -> (T, B, D, N)."""
        query, key, value = self.query(x), self.key(y), self.value(y)  # in the order of the reference program
        known = until_end(value) if self.needs_window else value
        query, key, value = (self.axis.split(s, self.heads) for s in (query, key, known))
        if self.axis.causal:
            mixed = self._causal(query, key, value)
        else:
            mixed = for_each_end(self.scores(query @ key.transpose(-1, -2)), like=value) @ value
        return self.project(self.neuron(stepwise(self.norm, self.axis.merge(mixed * self.scale))))

    def _causal(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        if (carry := carrying()) is None:
            return earlier_steps(query, key, value)
        return carry.through(self, lambda before: causal_attention(query, key, value, before))


def earlier_steps(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(q k^T) v (*, T, d) with the scores of later steps at zero."""
    return (query @ key.transpose(-1, -2)).tril() @ value


def causal_attention(query: Tensor, key: Tensor, value: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
    """o_t = q_t S_t with S_t = S_(t-1) + k_t v_t^T: attention to the present step and to earlier ones, without softmax.

    Spikes are whole numbers of units, so that both ways to add them up give the same numbers: the T steps of a call are
    attended by a mask, (q k^T) v with the later steps at zero, and those of earlier calls by their S.

    Args:
        query: q (*, T, d).
        key: k (*, T, d).
        value: v (*, T, d).
        before: S (*, d, d) of earlier calls; None is 0.

    Returns:
        o (*, T, d), and S (*, d, d) after the last step.

    Example:
        >>> import torch
        >>> q = k = torch.ones(3, 1)
        >>> causal_attention(q, k, torch.tensor([[1.0], [0.0], [1.0]]), None)
        (tensor([[1.],
                [1.],
                [2.]]), tensor([[2.]]))
    """
    mixed, after = earlier_steps(query, key, value), key.transpose(-1, -2) @ value
    return (mixed, after) if before is None else (mixed + query @ before, after + before)
