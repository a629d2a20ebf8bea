"""What each modality says for itself, and how right it is: the signal of every balance."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from colliculus.labels import at_label, correctness
from colliculus.types import Collective, ColliculusError, Output

_TINY = 1e-12  # a modality may have no probability left for the right class


def over_time(steps: Tensor, weights: Tensor | None) -> Tensor:
    """(T, B, K) -> (B, K): the mean over time, or the sum weighted by (T, B).

    Example:
        >>> steps = torch.tensor([0.0, 4.0])[:, None, None]
        >>> over_time(steps, None).item(), over_time(steps, torch.tensor([[0.25], [0.75]])).item()
        (2.0, 3.0)
    """
    return steps.mean(0) if weights is None else (weights[..., None] * steps).sum(0)


def shares(output: Output) -> dict[str, Tensor]:
    """Each modality's additive share of the fused logits, (B, K); empty where the fusion has none.

    For concatenation that is the modality's slice of the head and an M-th of the bias. The evidence of a step is a
    share of the step logits, whose mean the logits are: where steps are weighed, it is weighed already.
    """
    return {m: steps.mean(0) for m, steps in output.evidence.items()}


def own_answers(output: Output) -> dict[str, Tensor]:
    """What each modality's own head says, (B, K); empty where there are no such heads."""
    return {m: over_time(steps, output.time_weights.get(m)) for m, steps in output.modality_logits.items()}


def shares_or_own_answers(output: Output, balance: str) -> dict[str, Tensor]:
    """The shares of the fused logits; where there are none, what the modalities' own heads say, (B, K).

    Raises:
        ColliculusError: there is neither.
    """
    found = shares(output) or own_answers(output)
    if not found:
        raise ColliculusError(
            f"balance {balance} asks what each modality says, and this fusion keeps no share of any: set unimodal_loss "
            "above 0, which gives each modality a head of its own"
        )
    return found


def right_answers(output: Output, labels: Tensor) -> dict[str, Tensor]:
    """`correctness` of each modality alone, (B,), by its own head or, where it has none, by its share."""
    answers = own_answers(output) or shares(output)
    return {m: correctness(x.detach().argmax(dim=1), labels) for m, x in answers.items()}


def mean_score(logits: Mapping[str, Tensor], labels: Tensor, collective: Collective) -> dict[str, float]:
    """Mean probability of the right class over the samples of all ranks: s_m = mean_i softmax(out_m)_i[y_i].

    The sums of the papers differ from it by the number of samples, which every ratio loses.

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
    right = {m: torch.softmax(x.detach().double(), dim=-1) for m, x in logits.items()}
    return mean_over_ranks({m: at_label(p, labels) for m, p in right.items()}, collective)


def mean_over_ranks(values: Mapping[str, Tensor], collective: Collective) -> dict[str, float]:
    """The mean of per-sample values (B,) by name over the samples of all ranks, which may hold different numbers."""
    sums = [x.detach().double().sum() for x in values.values()]
    samples = torch.full_like(sums[0], len(next(iter(values.values()))))
    *totals, number = collective.sum(torch.stack([*sums, samples])).tolist()
    return {m: total / number for m, total in zip(values, totals, strict=True)}


def ratios(scores: Mapping[str, float]) -> dict[str, float]:
    """How far each modality is ahead: rho_m = s_m / mean_{m' != m} s_m'; a lone one is never ahead.

    Example:
        >>> ratios({"audio": 0.75, "visual": 0.25, "touch": 0.5})["audio"]
        2.0
    """
    others = {m: [s for other, s in scores.items() if other != m] for m in scores}
    return {m: score / max(sum(others[m]) / len(others[m]), _TINY) if others[m] else 1.0 for m, score in scores.items()}
