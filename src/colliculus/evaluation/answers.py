"""What a model answers on every clip of a split when some of its modalities are withheld."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.dataset import Split
from colliculus.evaluation.evaluate import Corruption, eval_mode, same_draws
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, Output


@dataclass(frozen=True, eq=False)
class Answers:
    """Of n clips, in the order of their split.

    Args:
        predicted: (n,) classes.
        probability: (n,) of the true class.
    """

    predicted: NDArray[np.int64]
    probability: NDArray[np.float64]

    def to_plain(self) -> dict[str, object]:
        """As lists of numbers, for a file."""
        return {name: values.tolist() for name, values in vars(self).items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Answers:
        """The inverse of `to_plain`, exact."""
        return cls(
            predicted=np.array(plain["predicted"], dtype=np.int64),
            probability=np.array(plain["probability"], dtype=np.float64),
        )


def measure_answers(
    model: MultimodalSNN,
    split: Split,
    given: frozenset[str],
    *,
    batch_size: int,
    corruption: Corruption | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Answers:
    """Classify every clip of `split` from the modalities `given`.

    Args:
        model: classifies in eval mode and is handed back in the mode it came in.
        split: the clips; at least one.
        given: modalities that are not withheld.
        batch_size: clips of one forward.
        corruption: what spoils the inputs; None leaves them as they are.
        advance: told the number of clips of each batch done.

    Raises:
        ColliculusError: the model answers with numbers that are not finite.
    """
    device = next(model.parameters()).device
    parts: list[Answers] = []
    with eval_mode(model), torch.no_grad(), same_draws(device):
        for start in range(0, len(split), batch_size):
            rows = np.arange(start, min(start + batch_size, len(split)), dtype=np.int64)
            batch = split.batch(rows, epoch=0).to(device)
            inputs = batch.inputs if corruption is None else corruption(batch.inputs, rows)
            parts.append(_read(model({m: x for m, x in inputs.items() if m in given}), batch.labels))
            advance(len(rows))
    return Answers(
        predicted=np.concatenate([part.predicted for part in parts]),
        probability=np.concatenate([part.probability for part in parts]),
    )


def _read(output: Output, labels: Tensor) -> Answers:
    if not output.logits.isfinite().all():
        raise ColliculusError("the model answers with numbers that are not finite, its training diverged: train again")
    probabilities = output.logits.double().softmax(dim=1)
    return Answers(
        predicted=output.logits.argmax(dim=1).cpu().numpy(),
        probability=probabilities.gather(1, labels[:, None])[:, 0].cpu().numpy(),
    )
