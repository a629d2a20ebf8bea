"""The predictions of each modality alone and their scores: the signal of every balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from colliculus.labels import at_label, correctness
from colliculus.layers import own_logits
from colliculus.types import Collective, ColliculusError, Output

RelativeTo = Literal["others", "smallest"]
"""Score that the score of a modality is compared with."""

TINY = 1e-12
"""Lower bound of a mean probability that divides; a modality may give the true class none."""


def shares(output: Output) -> dict[str, Tensor]:
    """Each modality's additive share of the fused logits, (B, K); empty if the fusion has none.

    For concatenation it is the modality's slice of the head and an M-th of the bias. The evidence of a step is a share
    of the step logits, whose mean is the logits; if steps are weighed, it includes the weights.
    """
    return {m: steps.mean(0) for m, steps in output.evidence.items()}


def shares_or_own_logits(output: Output, balance: str) -> dict[str, Tensor]:
    """The shares of the fused logits, or the logits of the modalities' own heads if there are none, (B, K).

    Raises:
        ColliculusError: there is neither.
    """
    found = shares(output) or own_logits(output)
    if not found:
        raise ColliculusError(
            f"balance {balance} needs each modality's predictions, and this fusion has no shares: set unimodal_loss "
            "above 0, which gives each modality its own head"
        )
    return found


def modality_correct(output: Output, labels: Tensor) -> dict[str, Tensor]:
    """`correctness` of each modality alone, (B,), from its own head or, if it has none, from its share."""
    logits = own_logits(output) or shares(output)
    return {m: correctness(x.argmax(dim=1), labels) for m, x in logits.items()}


@torch.no_grad()
def mean_score(logits: Mapping[str, Tensor], labels: Tensor, collective: Collective) -> dict[str, float]:
    """Mean probability of the true class over the samples of all ranks: s_m = mean_i softmax(out_m)_i[y_i].

    The papers use sums, which differ by the number of samples; the ratios are the same.

    Args:
        logits: (B, K) by name, the same names on every rank.
        labels: (B,).
        collective: the ranks.

    Example:
        >>> from colliculus.runtime import Runtime
        >>> logits = {"audio": torch.tensor([[0.0, 0.0]]), "visual": torch.tensor([[3.0, 3.0]])}
        >>> mean_score(logits, torch.tensor([1]), Runtime(device=torch.device("cpu")))
        {'audio': 0.5, 'visual': 0.5}
    """
    right = {m: torch.softmax(x.double(), dim=1) for m, x in logits.items()}
    return mean_over_ranks({m: at_label(p, labels) for m, p in right.items()}, collective)


@torch.no_grad()
def mean_over_ranks(values: Mapping[str, Tensor], collective: Collective) -> dict[str, float]:
    """Mean of per-sample values (B,), by name, over all ranks, which may have different numbers of samples."""
    sums = [x.double().sum() for x in values.values()]
    samples = torch.full_like(sums[0], len(next(iter(values.values()))))
    *totals, number = collective.sum(torch.stack([*sums, samples])).tolist()
    return {m: total / number for m, total in zip(values, totals, strict=True)}


def ratios(scores: Mapping[str, float], relative_to: RelativeTo = "others") -> dict[str, float]:
    """Lead of each modality: rho_m = s_m / mean_{m' != m} s_m', or s_m / min s; 1 for a single modality.

    Example:
        >>> ratios({"audio": 0.75, "visual": 0.25, "touch": 0.5})["audio"]
        2.0
        >>> ratios({"audio": 0.75, "visual": 0.25, "touch": 0.5}, "smallest")["audio"]
        3.0
    """
    if relative_to == "smallest":
        least = max(min(scores.values()), TINY)
        return {m: score / least for m, score in scores.items()}
    others = {m: [s for other, s in scores.items() if other != m] for m in scores}
    return {m: score / max(sum(others[m]) / len(others[m]), TINY) if others[m] else 1.0 for m, score in scores.items()}
