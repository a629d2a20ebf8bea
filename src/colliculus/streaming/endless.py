"""One step of a stream without windows: every membrane of the model goes on for ever."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from colliculus.coding import RecentFrames
from colliculus.evaluation.inference import inference_mode
from colliculus.model import MultimodalSNN, as_input
from colliculus.neurons import carried
from colliculus.streaming.state import OpenWindow, Tensors
from colliculus.types import ColliculusError, Output

_BY_MODALITY = ("evidence", "residual", "modality_logits", "streams")
"""Fields of an output that have a value for each step and modality."""


def endless_step(
    model: MultimodalSNN, given: Mapping[str, Tensor], window: OpenWindow, *, last: int
) -> tuple[Output, OpenWindow]:
    """The mean answer of the `last` steps, and what is kept.

    Args:
        model: a model whose every step is decided on its own.
        given: (B, C, H, W), or (1, B, C, H, W), of each modality.
        window: what was kept before.
        last: steps whose mean is the answer.

    Raises:
        ColliculusError: a modality comes after the stream began, or is missing from a step.
    """
    present = [m for m in model.modalities if m in (window.frames if window.step else given)]
    if late := [m for m in given if m not in present]:
        raise ColliculusError(f"{late[0]} came after the stream began: start a new one with it")
    if not present:
        raise ColliculusError(f"a stream begins with at least one of {', '.join(model.modalities)}: give its frame")
    held = {m: _recent(model, m, window.frames.get(m), given.get(m)) for m in present}
    like = next(model.parameters())
    with inference_mode(model), carried(model, window.membranes) as membranes:
        shown = {m: as_input(m, torch.cat([*x], dim=1), like) for m, x in held.items()}
        output = model.decided({m: model.encoders[m](x[None]) for m, x in shown.items()})
    found = _flat(output)
    answers = {name: torch.cat([*_before(window, name), x])[-last:] for name, x in found.items()}
    kept = OpenWindow(step=window.step + 1, frames=held, membranes=membranes, answers=answers)
    return _output(answers), kept


def _recent(model: MultimodalSNN, modality: str, before: Tensor | None, given: Tensor | None) -> Tensor:
    """The frames that a step sees, (context, B, C, H, W); the first frame stands for those before it."""
    if given is None and before is not None:
        if modality in model.spec.steps:
            raise ColliculusError(f"{modality} brings no frame to a step: give one, as its data declare `steps`")
        given = before[-1]
    assert given is not None, "a modality that is present was given first"  # noqa: S101
    frame = given if given.ndim == 5 else given[None]
    if len(frame) != 1:
        raise ColliculusError(f"{modality} brings {len(frame)} frames to a step, and 1 is due: give them one by one")
    coding = model.coding[modality]
    recent = coding[0] if isinstance(coding, nn.Sequential) else None
    context = recent.frames if isinstance(recent, RecentFrames) else 1
    return torch.cat([frame.expand(context, *frame.shape[1:]) if before is None else before, frame])[-context:]


def _before(window: OpenWindow, name: str) -> list[Tensor]:
    return [window.answers[name]] if window.step else []


def _flat(output: Output) -> dict[str, Tensor]:
    """The values of an output for each step, by the name of its field and modality."""
    by_modality = {f"{kind}.{m}": x for kind in _BY_MODALITY for m, x in getattr(output, kind).items()}
    return {"step_logits": output.step_logits, **by_modality}


def _output(answers: Tensors) -> Output:
    def of(kind: str) -> dict[str, Tensor]:
        return {name.removeprefix(f"{kind}."): x for name, x in answers.items() if name.startswith(f"{kind}.")}

    step_logits = answers["step_logits"]
    return Output(
        logits=step_logits.mean(0),
        step_logits=step_logits,
        evidence=of("evidence"),
        residual=of("residual"),
        modality_logits=of("modality_logits"),
        streams=of("streams"),
    )
