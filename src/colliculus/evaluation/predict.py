"""Predictions of a model for batches of clips, with an explanation of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import standard_batch
from colliculus.evaluation.anytime import outputs_by_step
from colliculus.evaluation.clip_files import Arrays
from colliculus.evaluation.clip_predictions import ClipPrediction
from colliculus.evaluation.explanation.decision import decisions
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError


def predict_arrays(
    model: MultimodalSNN, names: Sequence[str], arrays: Arrays, steps: int, normalisation: Normalisation
) -> list[ClipPrediction]:
    """Classify raw arrays (B, ...) of B clips.

    Raises:
        ColliculusError: as `predict_tensors`.
    """
    inputs = standard_batch(arrays, np.zeros(len(names), dtype=np.int64), normalisation).inputs
    return predict_tensors(model, inputs, steps, names)


def predict_tensors(
    model: MultimodalSNN, inputs: Mapping[str, Tensor], steps: int, names: Sequence[str] = ()
) -> list[ClipPrediction]:
    """Classify standardised inputs; without names the clips are numbered from 0.

    Raises:
        ColliculusError: the model takes none of these modalities.
    """
    device = next(model.parameters()).device
    given = {m: inputs[m].to(device) for m in model.modalities if m in inputs}
    if not given:
        what = f"the clip {names[0]!r} has" if names else "the tensors have"
        raise ColliculusError(f"{what} no modality of the model: give {' or '.join(model.modalities)}")
    missing = tuple(m for m in model.modalities if m not in given)
    found = decisions(outputs_by_step(model, given, steps), model.spec.names)
    return [
        ClipPrediction(**vars(one), clip=names[i] if names else str(i), missing=missing) for i, one in enumerate(found)
    ]
