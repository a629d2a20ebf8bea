"""An objective: named terms whose sum is minimised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

from torch import Tensor

from colliculus.losses.class_weights import ClassWeights, WeighsClasses
from colliculus.types import ColliculusError, Output

Term = Callable[[Output, Tensor], Tensor]
TermPerModality = Callable[[Output, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Objective:
    """Named terms, each a function of the output and the labels (see `labels`) to a scalar in float32.

    Args:
        terms: terms by name.
        per_modality: terms that give a scalar for each modality, by name; "unimodal" becomes "unimodal_audio", ...

    Example:
        >>> import torch
        >>> from colliculus.losses import CrossEntropy
        >>> logits = torch.zeros(2, 4)
        >>> Objective({"task": CrossEntropy(0.1)})(Output(logits, logits[None], {}), torch.tensor([0, 1]))
        {'task': tensor(1.3863)}
    """

    terms: Mapping[str, Term]
    per_modality: Mapping[str, TermPerModality] = field(default_factory=dict[str, TermPerModality])

    def __call__(self, output: Output, labels: Tensor) -> dict[str, Tensor]:
        """Each term's value."""
        values = {name: term(output, labels) for name, term in self.terms.items()}
        for name, term in self.per_modality.items():
            values |= {f"{name}_{modality}": value for modality, value in term(output, labels).items()}
        return values

    def weighted(self, class_weights: ClassWeights) -> Self:
        """The same objective, in whose cross-entropies and rate errors samples count by their class.

        Terms that compare samples or count spikes stay as they are.

        Raises:
            ColliculusError: no term has classes to weigh.
        """
        terms = {name: _weighted(term, class_weights) for name, term in self.terms.items()}
        per_modality = {name: _weighted(term, class_weights) for name, term in self.per_modality.items()}
        if not any(isinstance(term, WeighsClasses) for term in (*terms.values(), *per_modality.values())):
            raise ColliculusError(
                f"none of the terms {', '.join(terms)} has classes to weigh: leave train.class_weights at none"
            )
        return replace(self, terms=terms, per_modality=per_modality)


TermT = TypeVar("TermT")


def _weighted(term: TermT, class_weights: ClassWeights) -> TermT:
    return term.weighted(class_weights) if isinstance(term, WeighsClasses) else term
