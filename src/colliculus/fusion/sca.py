"""Spiking cross-attention (SCA): what a modality receives replaces what it had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isqrt

import torch
from torch import Tensor, nn

from colliculus.fusion.concat import Concat
from colliculus.fusion.cross_modal import REFERENCE, CrossModalArithmetic
from colliculus.fusion.exchange import between, joined, receive
from colliculus.fusion.places import Grid, nearest_tokens
from colliculus.fusion.sum import Sum
from colliculus.layers import OverTokens, SpikingAttention, SpikingMLP, per_modality
from colliculus.neurons import NeuronSettings, SpikingNeuron
from colliculus.types import ColliculusError, Fused


def relative_places(target: Grid, source: Grid) -> tuple[Tensor, Tensor]:
    """Rows and columns from every token of `source` to every token of `target`, both (N_target, N_source).

    Where the grids differ a source token stands at the place in `target` that it lies nearest to.

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
    """A learned number for every distance between two tokens, shared by all steps, samples and heads.

    Args:
        target: grid of the tokens that attend.
        source: grid of the tokens that are attended to.
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
    """Standard normal numbers in place of learned ones, drawn anew at every forward, test included.

    The released program does this; `torch.manual_seed` before a forward decides what is drawn. The same clip is thus
    answered differently from one forward to the next; evaluation here always starts from the same seed.

    Args:
        target: grid of the tokens that attend; None where it is not known, then the tokens must form equal squares.
        source: grid of the tokens that are attended to.
    """

    def __init__(self, target: Grid | None, source: Grid | None) -> None:
        super().__init__()
        self.target, self.source = target, source

    def forward(self, scores: Tensor) -> Tensor:
        """Scores (*, N, N') with the bias added."""
        target, source = self.target or _square(scores), self.source or _square(scores)
        table = torch.randn(2 * target[0] + 1, 2 * target[1] + 1)  # on the CPU as recorded; its border is never read
        rows, columns = relative_places(target, source)
        return scores + table[rows + target[0], columns + target[1]].to(scores)


def _square(scores: Tensor) -> Grid:
    side = isqrt(scores.shape[-1])
    if scores.shape[-2:] != (side**2, side**2):
        raise ColliculusError(
            f"the tokens ({scores.shape[-2]} and {scores.shape[-1]}) form no equal squares, and their grids are not "
            "known: give square inputs of equal size"
        )
    return side, side


class BiasedScores(nn.Module):
    """Scores become spikes: LIF(q k^T + bias), (T, B, heads, N, N') -> same.

    Args:
        bias: by the distance of two tokens.
        neuron: fires on the scores.
    """

    def __init__(self, bias: LearnedPositionBias | RandomPositionBias, neuron: SpikingNeuron) -> None:
        super().__init__()
        self.bias = bias
        self.neuron = neuron

    def forward(self, scores: Tensor) -> Tensor:
        """(T, B, heads, N, N') -> spikes of that shape."""
        return self.neuron(self.bias(scores))


class SpikingCrossAttention(nn.Module):
    """x' = what x receives of the others by spiking attention over tokens; then an MLP, and the join. No residual.

    With M > 2 modalities x' is the mean of what the others give. A modality that is alone keeps its tokens.

    Args:
        grids: token grid of each modality, in declared order; None where it is not known (`reference` alone).
        dim: D.
        heads: number of heads.
        join: joins the streams at the end.
        neuron: makes the neurons.
        attention_threshold: of the neurons of the attention, its last one excepted.
        reference: the released program's arithmetic: no normalisation in the attention, and a bias, drawn at random,
            only where a modality receives of one declared before it (visual of audio).

    Raises:
        ColliculusError: a grid is needed and not known.

    Example:
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
        join: Sum | Concat,
        neuron: NeuronSettings,
        attention_threshold: float = CrossModalArithmetic.threshold,
        reference: bool = False,
    ) -> None:
        super().__init__()
        order = list(grids)
        arithmetic = REFERENCE if reference else CrossModalArithmetic()
        attention_neuron = replace(neuron, threshold=attention_threshold)

        def scores(modality: str, other: str) -> BiasedScores | None:
            if not reference:
                return BiasedScores(_learned_bias(grids[modality], grids[other]), attention_neuron())
            later = order.index(modality) > order.index(other)
            return (
                BiasedScores(RandomPositionBias(grids[modality], grids[other]), attention_neuron()) if later else None
            )

        self.attention = between(
            grids,
            lambda m, other: SpikingAttention(
                dim,
                heads,
                OverTokens(),
                neuron,
                attention_neuron=attention_neuron,
                scale=arithmetic.scale,
                normalise=arithmetic.normalise,
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


def _learned_bias(target: Grid | None, source: Grid | None) -> LearnedPositionBias:
    if target is None or source is None:
        raise ColliculusError("SCA learns a bias for every distance of tokens: give the DataSpec `sizes`")
    return LearnedPositionBias(target, source)
