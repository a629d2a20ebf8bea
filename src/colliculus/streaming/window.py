"""One step of a window: the encoders go on from their membranes, the rest runs again over the tokens so far."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from colliculus.evaluation.anytime import decided_early
from colliculus.evaluation.inference import inference_mode
from colliculus.model import MultimodalSNN
from colliculus.neurons import carried
from colliculus.streaming.frames import FrameFeed
from colliculus.streaming.state import OpenWindow
from colliculus.types import ColliculusError, Output


def window_step(
    model: MultimodalSNN, frames: FrameFeed, given: Mapping[str, Tensor], window: OpenWindow, *, alone: bool
) -> tuple[Output, OpenWindow]:
    """The answer of a window after another step, and the window.

    Args:
        model: the model.
        frames: its frames.
        given: what the modalities bring; those that came after the window began are not for it.
        window: the window before.
        alone: True if no other window runs, which could take a modality that comes late.

    Raises:
        ColliculusError: a modality comes late and no other window runs, or brings another number of frames than due.
    """
    done, step = window.step, window.step + 1
    present = [m for m in model.modalities if m in (window.frames if done else given)]
    if alone and (late := [m for m in given if m not in present]):
        raise ColliculusError(f"{late[0]} came after the window began: it counts from the next one")
    if not present:
        raise ColliculusError(f"a window begins with at least one of {', '.join(model.modalities)}: give its frame")
    held = {m: frames.grown(m, window.frames.get(m), given.get(m), done) for m in present}
    with inference_mode(model):
        coded = frames.coded(held)
        fresh = {m: x[frames.own(m, done) : frames.own(m, step)] for m, x in coded.items()}
        with carried(model.encoders, window.membranes) as after:
            tokens = {m: model.encoders[m](x) for m, x in fresh.items() if len(x)}
    tokens = {m: torch.cat([window.tokens[m], *_some(tokens, m)]) if done else tokens[m] for m in present}
    output = decided_early(model, tokens, {m: len(x) for m, x in coded.items()}, step)
    membranes = {**window.membranes, **after}
    return output, OpenWindow(step=step, frames=held, membranes=membranes, tokens=tokens)


def _some(tokens: Mapping[str, Tensor], modality: str) -> list[Tensor]:
    return [tokens[modality]] if modality in tokens else []
