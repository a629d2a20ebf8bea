"""Cross-modal Q-K attention: an exchange in time linear in tokens and steps (CMQKA of SNNergy, arXiv 2602.00701)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from colliculus.fusion.exchange import between, receive
from colliculus.fusion.joins import joined
from colliculus.fusion.places import Grid, TokensAtPlaces
from colliculus.layers import Passing, QKAttention, SpikingMLP, for_each_end, per_modality
from colliculus.neurons import NeuronSettings
from colliculus.types import Fused

QKBranches = Literal["spatiotemporal", "spatial", "temporal"]
SpatialForm = Literal["channel", "token"]


class CrossModalQKAttention(nn.Module):
    """Gives x what it receives from y: the sum of a spatial and a temporal branch, each a `QKAttention` of its own.

    The spatial branch passes channels of y in which x fires at any token ("channel"), or tokens of y at which x fires
    in any channel ("token"); the temporal branch passes what x fires for at any step. A BatchNorm before the neurons of
    the masks makes "any" into "more than usual".

    Args:
        dim: D.
        heads: number of heads.
        grids: token grids of x and y; y's tokens are used at x's places.
        branches: both branches or one of them.
        spatial: form of the spatial branch.
        neuron: makes the neurons.
        threshold: threshold of the masks' neurons, if they have one.

    Example:
        >>> attention = CrossModalQKAttention(32, 4, grids=((3, 3), (2, 2)))
        >>> attention(torch.zeros(4, 2, 32, 9), torch.zeros(4, 2, 32, 4)).shape
        torch.Size([4, 2, 32, 9])
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        grids: tuple[Grid | None, Grid | None],
        branches: QKBranches = "spatiotemporal",
        spatial: SpatialForm = "channel",
        neuron: NeuronSettings = NeuronSettings(),
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        inner = neuron.with_threshold(threshold)
        forms: dict[QKBranches, tuple[Passing, ...]] = {
            "spatial": (spatial,),
            "temporal": ("step",),
            "spatiotemporal": (spatial, "step"),
        }
        self.branches = nn.ModuleList(
            QKAttention(dim, heads, each, neuron, attention_neuron=inner, normalise=True) for each in forms[branches]
        )
        self.places = TokensAtPlaces(*grids)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x (T, B, D, N) receives from y (T, B, D, N') -> numbers of spikes (T, B, D, N)."""
        placed = self.places(y, x.shape[-1])
        found = [branch(x, placed) for branch in self.branches]
        return torch.stack([for_each_end(each, like=found[-1]) for each in found]).sum(0)


class QKExchange(nn.Module):
    """Every modality receives from every other, x' = x + w_m r, with a learned weight w_m for each receiver.

    With M > 2 modalities r is the mean over the others. An absent modality contributes nothing.

    Args:
        grids: token grid of each modality.
        attention: makes the attention of a receiver to a sender from their grids.
        alpha: initial value of the weights.

    Example:
        >>> def attention(grids):
        ...     return CrossModalQKAttention(32, 4, grids=grids)
        >>> exchange = QKExchange({"a": (3, 3), "v": (2, 2)}, attention, alpha=0.5)
        >>> streams, residual = exchange({"a": torch.zeros(4, 2, 32, 9), "v": torch.zeros(4, 2, 32, 4)})
        >>> streams["v"].shape, residual["a"].shape
        (torch.Size([4, 2, 32, 4]), torch.Size([4, 2, 32, 9]))
    """

    def __init__(
        self,
        grids: Mapping[str, Grid | None],
        attention: Callable[[tuple[Grid | None, Grid | None]], nn.Module],
        *,
        alpha: float,
    ) -> None:
        super().__init__()
        self.attention = between(grids, lambda m, other: attention((grids[m], grids[other])))
        self.modalities = tuple(grids)
        self.weights = nn.Parameter(torch.full((len(self.modalities),), alpha))

    def forward(self, tokens: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Tokens (T, B, D, N) of each modality -> the same with what was received, and what was received."""
        found = {m: receive(self.attention, m, tokens) for m in tokens}
        residual = {m: torch.zeros_like(tokens[m]) if r is None else r for m, r in found.items()}
        weights = dict(zip(self.modalities, self.weights.unbind(), strict=True))
        return {m: for_each_end(x, like=residual[m]) + weights[m] * residual[m] for m, x in tokens.items()}, residual


class HierarchicalExchange(nn.Module):
    """Exchanges between the stages of encoders; then every stream passes an MLP, and they are joined.

    Args:
        exchanges: an exchange for each stage, from the first to the last.
        stages: the modules of each modality between two exchanges, tokens to tokens; one fewer than exchanges.
        dim: D of the last stage.
        join: joins the streams at the end.
        neuron: makes the neurons.

    Example:
        >>> from colliculus.fusion import Sum
        >>> grids = {"a": (3, 3), "v": (3, 3)}
        >>> exchange = QKExchange(grids, lambda pair: CrossModalQKAttention(32, 4, grids=pair), alpha=0.5)
        >>> fusion = HierarchicalExchange([exchange], {}, dim=32, join=Sum(), neuron=NeuronSettings())
        >>> fusion({m: torch.zeros(4, 2, 32, 9) for m in grids}).joint.shape
        torch.Size([4, 2, 32])
    """

    heeds_ends: ClassVar[bool] = True

    def __init__(
        self,
        exchanges: Sequence[QKExchange],
        stages: Mapping[str, Sequence[nn.Module]],
        *,
        dim: int,
        join: nn.Module,
        neuron: NeuronSettings,
    ) -> None:
        super().__init__()
        self.exchanges = nn.ModuleList(exchanges)
        modalities = exchanges[0].modalities
        self.stages = nn.ModuleList(
            per_modality({m: stages[m][number] for m in modalities}) for number in range(len(exchanges) - 1)
        )
        self.mlp = per_modality({m: SpikingMLP(dim, neuron) for m in modalities})
        self.join = join

    def modules_of(self, modality: str) -> list[nn.Module]:
        """The stages between the exchanges, which belong to this modality's encoder."""
        return [stage.get_submodule(modality) for stage in self.stages]

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality at the first exchange -> `Fused` with the last residuals."""
        first, *later = self.exchanges
        streams, residual = first(tokens)
        for stage, exchange in zip(self.stages, later, strict=True):
            streams, residual = exchange({m: stage.get_submodule(m)(x) for m, x in streams.items()})
        return joined(streams, self.mlp, self.join, residual)
