"""Optional parts of a model: each is kept only where held-out samples show that it helps.

Without a validation part there are none, so a training leaves every part out before its first epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import nn

from colliculus.data.dataset import Split
from colliculus.evaluation.random_signs import reaching
from colliculus.evaluation.significance import LEVEL
from colliculus.model import MultimodalSNN
from colliculus.runs.result import PartDecision
from colliculus.training.learner import Learner


def decide(learner: Learner, validation: Split) -> tuple[PartDecision, ...]:
    """Keep each optional part of the judged model only if the validation part shows that it helps.

    The decisions of the network with a part and without it are compared by McNemar's exact test, one-sided, at the 5 %
    level. Parts are decided in their order: those before as decided, those after present. The buffers `kept` of the
    parts are set. Without a validation part every part goes, as it did before the first epoch.

    Args:
        learner: trained model; on every rank.
        validation: samples that did not train it; may be empty.

    Returns:
        One decision for each part, the same on every rank.
    """
    parts = learner.judged.optional_parts()
    if not len(validation):
        return leave_out([learner.judged])
    for part in parts.values():
        _keep(part, kept=True)  # also after a kill between the decision and its record
    return tuple(_decided(learner, validation, name, part) for name, part in parts.items())


def leave_out(models: Sequence[MultimodalSNN]) -> tuple[PartDecision, ...]:
    """Leave out every optional part, for want of held-out samples.

    Args:
        models: the model, and its moving average if there is one.

    Returns:
        One decision for each part.
    """
    decisions = tuple(PartDecision.without_evidence(name) for name in models[0].optional_parts())
    apply_decisions(decisions, models)
    return decisions


def _decided(learner: Learner, validation: Split, name: str, part: nn.Module) -> PartDecision:
    correct = learner.classify(validation).correct
    _keep(part, kept=False)
    without = learner.classify(validation).correct
    p = one_sided_mcnemar(int((correct & ~without).sum()), int((without & ~correct).sum()))
    _keep(part, kept=p < LEVEL)
    return PartDecision(
        name=name,
        kept=p < LEVEL,
        correct_with=int(correct.sum()),
        correct_without=int(without.sum()),
        total=len(validation),
        p=p,
    )


def one_sided_mcnemar(only_with: int, only_without: int) -> float:
    """Probability that of the samples which one of two classifiers alone recognises, at least `only_with` fall to it.

    Under the null hypothesis each falls to either with probability 1/2 (McNemar 1947, Psychometrika 12, 153-157).

    Example:
        >>> one_sided_mcnemar(5, 0), one_sided_mcnemar(1, 1), one_sided_mcnemar(0, 0)
        (0.03125, 0.75, 1.0)
    """
    total, lead = only_with + only_without, only_with - only_without
    one, times = np.ones(1, dtype=np.int64), np.full(1, total)
    if lead > 0:
        return reaching(one, times, lead)
    return 1 - reaching(one, times, 2 - lead) if 2 - lead <= total else 1.0


def apply_decisions(decisions: Iterable[PartDecision], models: Iterable[MultimodalSNN]) -> None:
    """Keep or leave out the optional parts of models as decided."""
    for model in models:
        parts = model.optional_parts()
        for decision in decisions:
            _keep(parts[decision.name], kept=decision.kept)


def _keep(part: nn.Module, *, kept: bool) -> None:
    with torch.no_grad():
        part.get_buffer("kept").fill_(kept)
