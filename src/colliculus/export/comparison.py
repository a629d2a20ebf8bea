"""Comparison of an exported network with PyTorch, clip by clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite

import torch
from torch import Tensor

from colliculus.evaluation.anytime import outputs_by_step
from colliculus.evaluation.inference import inference_mode
from colliculus.export.clips import Clips
from colliculus.export.network import named, named_by_step
from colliculus.export.target import Check
from colliculus.model import MultimodalSNN

Answer = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
"""A network: inputs by modality -> outputs by name."""

TOLERANCE = 1e-4
"""Largest accepted difference. Rounding moves logits by about 1e-6, a single flipped spike by 1e-3 or more."""


SAME = "; all clips get the same answer, so this says little: is the network trained?"


def answers(model: MultimodalSNN, inputs: Mapping[str, Tensor], steps: int | None = None) -> dict[str, Tensor]:
    """Outputs of the model in PyTorch by name; with `steps`, T of the model, also those after each step."""
    if steps is not None:
        return named_by_step(outputs_by_step(model, inputs, steps))
    with inference_mode(model):
        return named(model(inputs))


def compare_answers(
    exported: Answer,
    clips: Clips,
    inputs: Mapping[str, Tensor],
    model: MultimodalSNN,
    program: str,
    steps: int | None = None,
) -> Check:
    """Compare all outputs of an exported network, with one clip and with all clips in a batch.

    Args:
        exported: the network that was written, read again.
        clips: clips as the exported network takes them.
        inputs: the same clips, standardised, as the model takes them.
        model: the network in PyTorch.
        program: program that ran the exported network, for the sentence.
        steps: T of the model where the exported network gives logits after each step.
    """
    first = {m: x.narrow(-4, 0, 1) for m, x in inputs.items()}
    alone = largest_difference(exported(clips.first(1)), answers(model, first, steps))
    found, expected = exported(clips.inputs), answers(model, inputs, steps)
    return checked_answers(found, expected, f"in {program} all outputs", "those of PyTorch", clips, alone)


def checked_answers(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str, to: str, clips: Clips, alone: float = 0.0
) -> Check:
    """The result of a comparison, with its sentence.

    Args:
        found: outputs of the exported network.
        expected: outputs in PyTorch.
        what: what was compared, in words.
        to: what it was compared with, in words.
        clips: the clips.
        alone: largest difference where a clip was given by itself.
    """
    difference = max(largest_difference(found, expected), alone)
    differing = int((found["logits"].argmax(-1) != expected["logits"].argmax(-1)).sum())
    count = len(clips)
    return Check(
        passed=difference <= TOLERANCE and not differing,
        sentence=(
            f"{what} equal {to} within {difference:.1e} on {count} clips {clips.origin}, "
            f"{differing or 'none'} in another class{'' if _varied(expected) else SAME}"
        ),
        difference=difference if isfinite(difference) else None,
        compared=count,
        differing=differing,
    )


def _varied(expected: Mapping[str, Tensor]) -> bool:
    logits = expected["logits"]
    return len(logits) == 1 or bool((logits != logits[0]).any())


def largest_difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """Largest absolute difference of any output; infinity where one is missing, or not a number."""
    if found.keys() != expected.keys() or any(found[n].shape != x.shape for n, x in expected.items()):
        return torch.inf
    worst = torch.stack([(found[name] - x).abs().amax() for name, x in expected.items()]).amax()
    return float(worst) if worst.isfinite() else torch.inf
