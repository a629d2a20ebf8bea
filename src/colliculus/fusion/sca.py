"""Spiking cross-attention (SCA): what a modality receives replaces its own tokens."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

import torch
from torch import Tensor, nn

from colliculus.fusion.cross_modal import Arithmetic, CrossModalSettings, path_settings
from colliculus.fusion.exchange import between, receive
from colliculus.fusion.joins import joined
from colliculus.fusion.places import Grid, nearest_tokens
from colliculus.layers import OverTokens, SpikingAttention, SpikingMLP, per_modality
from colliculus.neurons import Neuron, NeuronSettings
from colliculus.types import ColliculusError, Fused


def relative_places(target: Grid, source: Grid) -> tuple[Tensor, Tensor]:
    """Distances in rows and columns from every `source` token to every `target` token, both (N_target, N_source).

    If the grids differ, each source token takes the place of its nearest `target` token.

    Example:
        >>> rows, columns = relative_places((2, 1), (2, 1))
        >>> rows.tolist(), columns.tolist()
        ([[0, -1], [1, 0]], [[0, 0], [0, 0]])
    """
    places = torch.arange(target[0] * target[1])
    seen = nearest_tokens(source, target)
    rows, columns = places // target[1], places % target[1]
    return rows[:, None] - rows[seen], columns[:, None] - columns[seen]


class LearnedPositionBias(nn.Module):
    """A learned number for every distance from a token of `source` (keys) to one of `target` (queries).

    All steps, samples and heads share it.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, target: Grid, source: Grid) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(2 * target[0] - 1, 2 * target[1] - 1))
        nn.init.trunc_normal_(self.table, std=0.02)
        rows, columns = relative_places(target, source)
        self.register_buffer("rows", rows + target[0] - 1, persistent=False)
        self.register_buffer("columns", columns + target[1] - 1, persistent=False)

    def forward(self, scores: Tensor) -> Tensor:
        """Scores (*, N, N') with the bias added."""
        return scores + self.table[self.rows, self.columns]


class RandomPositionBias(nn.Module):
    """Standard normal numbers instead of learned ones, drawn at every forward pass, in evaluation too.

    The released program does this; `torch.manual_seed` before a forward pass decides the draw. The predictions for a
    clip thus differ from one forward pass to the next; our evaluation always starts from the same seed.
    If a grid is not known, the tokens must form equal squares.
    """

    def __init__(self, target: Grid | None, source: Grid | None) -> None:
        super().__init__()
        self.target, self.source = target, source

    def forward(self, scores: Tensor) -> Tensor:
        """Scores (*, N, N') with the bias added."""
        target, source = self.target or _square(scores), self.source or _square(scores)
        table = torch.randn(2 * target[0] + 1, 2 * target[1] + 1)  # on the CPU as recorded; its border is unused
        rows, columns = relative_places(target, source)
        return scores + table[rows + target[0], columns + target[1]].to(scores)


def _square(scores: Tensor) -> Grid:
    side = isqrt(scores.shape[-1])
    if scores.shape[-2:] != (side**2, side**2):
        raise ColliculusError(
            f"the grids of the {scores.shape[-2]} and {scores.shape[-1]} tokens are not known, and they are not equal "
            "squares: give square inputs of equal size"
        )
    return side, side


class BiasedScores(nn.Module):
    """Turns scores into spikes: LIF(q k^T + bias), where the bias depends on the distance of two tokens."""

    def __init__(self, bias: LearnedPositionBias | RandomPositionBias, neuron: Neuron) -> None:
        super().__init__()
        self.bias = bias
        self.neuron = neuron

    def forward(self, scores: Tensor) -> Tensor:
        """(T, B, heads, N, N') -> spikes of that shape."""
        return self.neuron(self.bias(scores))


class SpikingCrossAttention(nn.Module):
    """x' = what x receives from the others by spiking attention over tokens; then an MLP, and the join. No residual.

    With M > 2 modalities x' is the mean over the others. A modality that is alone keeps its tokens.

    Args:
        attention_threshold: threshold of the attention's neurons with "ours", except the last one.
        arithmetic: "ours", or "reference": threshold 1 and no normalisation in the attention, and a random bias, only
            if a modality receives from one declared before it (visual from audio).

    Raises:
        ColliculusError: a grid is not known, which only "reference" allows.

    Example:
        >>> from colliculus.fusion import Sum
        >>> grids = {"audio": (2, 2), "visual": (3, 3)}
        >>> fusion = SpikingCrossAttention(grids, dim=8, heads=2, join=Sum(), neuron=NeuronSettings())
        >>> fusion({"audio": torch.ones(4, 2, 8, 4), "visual": torch.ones(4, 2, 8, 9)}).joint.shape
        torch.Size([4, 2, 8])
    """

    def __init__(
        self,
        grids: Mapping[str, Grid | None],
        *,
        dim: int,
        heads: int,
        join: nn.Module,
        neuron: NeuronSettings,
        attention_threshold: float = CrossModalSettings.threshold,
        arithmetic: Arithmetic = "ours",
    ) -> None:
        super().__init__()
        order = list(grids)
        settings = path_settings(arithmetic, CrossModalSettings(threshold=attention_threshold))
        attention_neuron = neuron.with_threshold(settings.threshold)

        def scores(modality: str, other: str) -> BiasedScores | None:
            target, source = grids[modality], grids[other]
            if arithmetic == "reference":
                later = order.index(modality) > order.index(other)
                return BiasedScores(RandomPositionBias(target, source), attention_neuron()) if later else None
            if target is None or source is None:
                raise ColliculusError("SCA learns a bias for every distance between tokens: give the DataSpec `sizes`")
            return BiasedScores(LearnedPositionBias(target, source), attention_neuron())

        self.attention = between(
            grids,
            lambda m, other: SpikingAttention(
                dim,
                heads,
                OverTokens(),
                neuron,
                attention_neuron=attention_neuron,
                scale=settings.scale,
                normalise=settings.normalise,
                scores=scores(m, other),
            ),
        )
        self.join = join
        self.mlp = per_modality({m: SpikingMLP(dim, neuron) for m in grids})

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N) of each modality -> `Fused`; the residuals are what was received."""
        received = {m: receive(self.attention, m, tokens) for m in tokens}
        streams = {m: tokens[m] if r is None else r for m, r in received.items()}
        return joined(streams, self.mlp, self.join, streams)
