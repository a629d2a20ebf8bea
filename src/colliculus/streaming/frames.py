"""The frames that the modalities of a model bring to each step of a stream."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from colliculus.coding import Direct, Latency, RecentFrames, frames_for, steps_of
from colliculus.evaluation.anytime import own_steps
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, unknown_name


class FrameFeed:
    """How many frames a modality brings, and how those of a window so far look to the coding.

    Args:
        model: the model.
        total: T.

    Attributes:
        steps: T_m, steps of each modality.
    """

    def __init__(self, model: MultimodalSNN, total: int) -> None:
        self.model = model
        self.total = total
        self.steps = {m: steps_of(model.coding[m]) for m in model.modalities}

    def own(self, modality: str, step: int) -> int:
        """Steps of its own that a modality has come to after `step` steps."""
        return own_steps(self.steps[modality], step, self.total)

    def due(self, modality: str, done: int) -> int:
        """Frames that the step after `done` steps of a window needs in addition."""
        return self._needed(modality, done + 1) - self._needed(modality, done)

    def check(self, frames: Mapping[str, Tensor], batch: int) -> None:
        """Check names and shapes of what is given to a step.

        Raises:
            ColliculusError: a modality is unknown, or its frames are of another shape or batch.
        """
        for m, x in frames.items():
            if m not in self.model.modalities:
                raise unknown_name("modality", m, self.model.modalities)
            if x.ndim not in (4, 5) or x.shape[-4] != batch or not self.model.spec.takes(m, tuple(x.shape[-3:])):
                raise ColliculusError(
                    f"{m} brings frames of shape {tuple(x.shape)}: give ({batch}, {self.model.spec.frame(m)}), or "
                    "several of them with their number in front"
                )

    def check_single(self) -> None:
        """Refuse models some of whose steps take more or fewer frames than one, for windows that are no whole clips.

        Raises:
            ColliculusError: it is one of these.
        """
        for m in self.model.modalities:
            if any(isinstance(part, Latency) for part in self.model.coding[m].modules()):
                raise ColliculusError(
                    f"{m} is coded by latency, once for a window of {self.total} steps, and windows that overlap or "
                    "are shorter get it with each step: leave out `stride` and `window`"
                )
            if any(self.due(m, done) != 1 for done in range(self.total)):
                frames = self.model.spec.steps.get(m, self.steps[m])
                raise ColliculusError(
                    f"{m} has {frames} frames in a window of {self.total} steps, and windows that overlap or are "
                    "shorter need one for each step: leave out `stride` and `window`"
                )

    def check_endless(self) -> None:
        """Refuse codings that know an end: random or latency spikes of T steps, or all frames at once."""
        for m in self.model.modalities:
            if not shows_frames(self.model.coding[m]):
                raise ColliculusError(
                    f"the coding of {m} takes a window of {self.total} steps as a whole: leave out `carry`, or train "
                    'with `coding` "direct" and a `context` of 1 or more'
                )

    def grown(self, modality: str, before: Tensor | None, given: Tensor | None, done: int) -> Tensor:
        """Frames (n, B, C, H, W) of a window after the step that follows `done` steps.

        Raises:
            ColliculusError: another number of frames than due is given.
        """
        declared = modality in self.model.spec.steps
        due = self.due(modality, done)
        if given is None and before is not None and not (declared and due):
            return before
        new = None if given is None else given if given.ndim == 5 else given[None]
        count = 0 if new is None else len(new)
        if new is None or (count != due if declared else not 0 < count <= due):
            raise ColliculusError(
                f"{modality} brings {count} frames to step {done + 1} of {self.total} of a window, and {due} are due: "
                "give that many (`Stream.due` counts them)"
            )
        if before is None:
            return new
        missing = 0 if declared else self.own(modality, done) - len(before)
        return torch.cat([before, *[before[-1:]] * missing, new])

    def coded(self, held: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The frames of a window so far as its encoders would take the whole window, (T_m, B, C, H, W).

        Frames to come are like the last one: no step that may be used depends on them.
        """
        return self.model.coded({m: self._whole(m, x) for m, x in held.items()})

    def _whole(self, modality: str, x: Tensor) -> Tensor:
        frames = self.model.spec.steps.get(modality)
        if frames is None and len(x) == 1:
            return x[0]  # it has stood still so far
        missing = (frames or self.steps[modality]) - len(x)
        return torch.cat([x, x[-1:].expand(missing, *x.shape[1:])])

    def _needed(self, modality: str, step: int) -> int:
        """Frames that the first steps of a window need; the last step takes all that are left."""
        frames = self.model.spec.steps.get(modality)
        if step == 0 or frames is None:
            return self.own(modality, step)
        if step == self.total:
            return frames
        return frames_for(self.model.coding[modality], self.own(modality, step), frames)


def shows_frames(coding: nn.Module) -> bool:
    """True if a coding shows each step its frame, alone or with those before it.

    Example:
        >>> shows_frames(Direct(4)), shows_frames(nn.Sequential(RecentFrames(2), Direct(4))), shows_frames(Latency(4))
        (True, True, False)
    """
    first, *rest = [*coding] if isinstance(coding, nn.Sequential) else [coding]
    recent = isinstance(first, RecentFrames) and len(rest) == 1
    return isinstance(rest[0] if recent else first, Direct)
