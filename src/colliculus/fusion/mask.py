"""Exchange by a mask of spikes: no product of matrices, and every step on its own."""

from __future__ import annotations

from torch import Tensor, nn

from colliculus.fusion.places import Grid, TokensAtPlaces
from colliculus.layers import ProjectionBNSpike, stepwise
from colliculus.neurons import NeuronSettings


class MaskedAttention(nn.Module):
    """x receives the channels of y in which both have spikes at the same places; spikes in, spikes out.

    q = N(BN(W_q x)), k = N(BN(W_k y)), v = N(BN(W_v y)); r = N(BN(sum_n q k)) v, where N is the neuron, the sum runs
    over the tokens and the products are of single values. With binary spikes the products are an AND, so that the
    layer masks and adds, in time linear in the tokens.

    Source: the attention of the Spike-driven Transformer (Yao et al., NeurIPS 2023, arXiv 2307.01694), across
    modalities.

    Args:
        dim: D.
        grids: token grids of x and y; y's tokens are used at x's places.
        neuron: makes the neurons.
        threshold: threshold of the neurons of q, k and v, if they have one.
        normalise: BatchNorm before the neurons of the mask.

    Example:
        >>> import torch
        >>> attention = MaskedAttention(32, grids=((3, 3), (2, 2)))
        >>> attention(torch.zeros(4, 2, 32, 9), torch.zeros(4, 2, 32, 4)).shape
        torch.Size([4, 2, 32, 9])
    """

    def __init__(
        self,
        dim: int,
        *,
        grids: tuple[Grid | None, Grid | None],
        neuron: NeuronSettings = NeuronSettings(),
        threshold: float = 0.5,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        inner = neuron.with_threshold(threshold)
        self.query = ProjectionBNSpike(dim, dim, inner)
        self.key = ProjectionBNSpike(dim, dim, inner)
        self.value = ProjectionBNSpike(dim, dim, inner)
        self.norm = nn.BatchNorm1d(dim) if normalise else nn.Identity()
        self.neuron = inner()
        self.places = TokensAtPlaces(*grids)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x (T, B, D, N) receives from y (T, B, D, N') -> (T, B, D, N)."""
        placed = self.places(y, x.shape[-1])
        together = (self.query(x) * self.key(placed)).sum(-1, keepdim=True)
        mask = self.neuron(stepwise(self.norm, together))
        return mask * self.value(placed)
