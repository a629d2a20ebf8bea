"""Q-K attention: spikes of a query decide which spikes of a key pass, in time linear in tokens, channels and steps."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from colliculus.layers.conv_bn_spike import NeuronFactory, ProjectionBNSpike
from colliculus.layers.ends import for_each_end, until_end
from colliculus.layers.time import stepwise
from colliculus.neurons import LIF
from colliculus.types import ColliculusError

Passing = Literal["token", "channel", "step"]
"""The unit that a mask of Q-K attention lets pass or holds back."""
_SUMMED: dict[Passing, int] = {"token": 3, "channel": 4, "step": 0}
"""Axis of (T, B, heads, d, N) over which the query is summed."""


class QKAttention(nn.Module):
    """x asks, y gives: a = N(sum q), out = N(BN(W (a k))) with q = N(BN(W_q x)) and k = N(BN(W_k y)).

    The sum runs over the d channels of a head ("token": a, (T, B, heads, 1, N), passes whole tokens), over the N tokens
    ("channel": a, (T, B, heads, d, 1), passes whole channels) or over the T steps ("step": a, (1, B, heads, d, N),
    passes what fires at any step). N is the neuron; its product with the key is a mask of binary spikes.

    Source: "token" and "channel" are the Q-K attention of QKFormer (Zhou et al., NeurIPS 2024, arXiv 2403.16552), with
    x = y; "channel" and "step" across modalities are the spatial and temporal Q-K attention of SNNergy (arXiv
    2602.00701).

    Args:
        dim: D, a multiple of `heads`.
        heads: number of heads; only the masks of "token" depend on it.
        passing: what the mask passes.
        neuron: makes the neurons.
        attention_neuron: makes the neuron of the mask; None uses `neuron`.
        normalise: BatchNorm before the neuron of the mask, a = N(BN(sum q)): a sum over many tokens would be above any
            threshold, and the mask always open.

    Raises:
        ColliculusError: `dim` is not a multiple of `heads`.

    Example:
        >>> import torch
        >>> x, y = torch.zeros(4, 2, 32, 9), torch.zeros(4, 2, 32, 9)
        >>> QKAttention(32, 4, "token")(x, y).shape
        torch.Size([4, 2, 32, 9])
    """

    heeds_ends: ClassVar[bool] = True

    def __init__(
        self,
        dim: int,
        heads: int,
        passing: Passing,
        neuron: NeuronFactory = LIF,
        *,
        attention_neuron: NeuronFactory | None = None,
        normalise: bool = False,
    ) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ColliculusError(
                f"`heads` is {heads}, and a width of {dim} cannot be split into that many equal parts"
            )
        self.heads = heads
        self.passing: Passing = passing
        self.needs_window = "sums over all steps" if passing == "step" else None
        self.query = ProjectionBNSpike(dim, dim, neuron)
        self.key = ProjectionBNSpike(dim, dim, neuron)
        self.norm = nn.BatchNorm1d(heads if passing == "token" else dim) if normalise else nn.Identity()
        self.neuron = (attention_neuron or neuron)()
        self.project = ProjectionBNSpike(dim, dim, neuron)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x (T, B, D, N) asks y, which has as many tokens at the same places -> (T, B, D, N)."""
        query, key = (s.unflatten(2, (self.heads, -1)) for s in (self.query(x), self.key(y)))
        asked = (
            (until_end(query) if self.needs_window else query).sum(_SUMMED[self.passing], keepdim=True).flatten(2, 3)
        )
        mask = self.neuron(stepwise(self.norm, asked)).unflatten(2, (self.heads, -1))
        return self.project((mask * for_each_end(key, like=mask)).flatten(2, 3))
