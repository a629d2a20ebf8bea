"""A model that gets its frames one after the other: windows that follow each other, windows that overlap, or no end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from colliculus.layers import reasons_for_a_window
from colliculus.model import MultimodalSNN
from colliculus.neurons import carried
from colliculus.streaming.endless import endless_step
from colliculus.streaming.frames import FrameFeed
from colliculus.streaming.state import OpenWindow, StreamState
from colliculus.streaming.window import window_step
from colliculus.types import ColliculusError, Output, unknown_name


class Stream:
    """Runs a model step by step, with an answer after each step; all that it remembers is in a `StreamState`.

    The answer after t steps of a window is that of the model after the first t steps of a clip with the same frames
    (`evaluation.anytime.outputs_by_step`), to the last bit. The encoders run once for each step; fusion and readout run
    again over the tokens of the window so far.

    Args:
        model: the model; it runs in eval mode, and returns to the mode it came in.
        total: T, time steps of the model.
        window: steps after which a window ends, at most T; None is T. With `carry`, steps whose mean is the answer.
        stride: steps after which another window begins; None begins it when the last one ends. The answer is that of
            the oldest window.
        carry: no windows: membranes go on for ever. For models whose every step is decided without later ones.

    Raises:
        ColliculusError: a setting is out of range, or the model cannot run that way.

    Example:
        >>> import torch
        >>> from colliculus import DataSpec, LateFusion
        >>> from colliculus.evaluation.anytime import outputs_by_step
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3, steps={"audio": 4})
        >>> model, clip = LateFusion(dim=16, encoder="shallow").model(spec), torch.rand(4, 1, 1, 16, 16)
        >>> stream = Stream(model, total=4)
        >>> state, answers = stream.start(), []
        >>> for frame in clip:
        ...     output, state = stream.step({"audio": frame}, state)
        ...     answers.append(output.logits)
        >>> offline = [output.logits for output in outputs_by_step(model, {"audio": clip}, 4)]
        >>> all(torch.equal(a, b) for a, b in zip(answers, offline))
        True
    """

    def __init__(
        self,
        model: MultimodalSNN,
        total: int,
        *,
        window: int | None = None,
        stride: int | None = None,
        carry: bool = False,
    ) -> None:
        self.model = model
        self.total = total
        self.window = total if window is None else window
        self.stride = self.window if stride is None else stride
        self.carry = carry
        self._check(stride)
        self.frames = FrameFeed(model, total)
        if carry:
            self.frames.check_endless()
        elif not self.tumbles:
            self.frames.check_single()

    def _check(self, stride: int | None) -> None:
        if self.window < 1 or (self.window > self.total and not self.carry):
            raise ColliculusError(
                f"`window` is {self.window} and the model has {self.total} steps: choose 1 to {self.total}"
            )
        if self.carry and stride is not None:
            raise ColliculusError(f"`stride` is {stride}, which has no effect with `carry`: leave it at None")
        if not 1 <= self.stride <= self.window or self.window % self.stride:
            raise ColliculusError(
                f"`stride` is {self.stride}: choose a divisor of the window's {self.window} steps, such as 1"
            )
        what = self.model if self.carry else self.model.encoders
        with carried(what, {}):
            pass  # refuses what always starts from 0
        if reasons := reasons_for_a_window(what):
            fix = "leave out `carry`, or train a model that decides step by step (docs/streaming.md)"
            fix = fix if self.carry else "give it whole clips, as `predict` takes them"
            raise ColliculusError(f"this model {reasons[0]}, which needs a whole window: {fix}")

    @property
    def tumbles(self) -> bool:
        """True if a window begins when the one before ends."""
        return not self.carry and self.stride == self.window

    @property
    def takes_clips(self) -> bool:
        """True if each window is a whole clip of T steps, after which the next one begins."""
        return self.tumbles and self.window == self.total

    def start(self, batch: int = 1) -> StreamState:
        """The state before the first step of `batch` streams side by side.

        Raises:
            ColliculusError: `batch` is below 1.
        """
        if batch < 1:
            raise ColliculusError(f"`batch` is {batch}: choose at least 1")
        return StreamState(batch=batch)

    def due(self, modality: str, state: StreamState) -> int:
        """Frames that a modality must bring to the next step; 1 for most models.

        A model whose steps all see a whole clip (`context` 0) needs all frames at once; one that resamples its clips
        needs none in some steps, and more than one in others.

        Raises:
            ColliculusError: the model has no such modality.
        """
        if modality not in self.model.modalities:
            raise unknown_name("modality", modality, self.model.modalities)
        return self.frames.due(modality, state.step % self.window) if self.tumbles else 1

    def step(self, frames: Mapping[str, Tensor], state: StreamState) -> tuple[Output, StreamState]:
        """One step on.

        Args:
            frames: what each modality brings: (B, C, H, W), or (n, B, C, H, W) if n frames are due, standardised as in
                training. A modality that is absent from the first step of a window is absent from all of it. One whose
                data declare no `steps` may be left out later: its last frame stands.
            state: the state after the step before.

        Returns:
            The answer of the oldest window (of the last `window` steps, with `carry`), and the state after the step.

        Raises:
            ColliculusError: the frames are of another shape or number than the model needs, or a modality comes after
                the window began.
        """
        self.frames.check(frames, state.batch)
        if self.carry:
            window = state.windows[0] if state.windows else OpenWindow()
            output, window = endless_step(self.model, frames, window, last=self.window)
            return output, replace(state, step=state.step + 1, windows=(window,))
        windows = [*state.windows, *([OpenWindow()] if state.step % self.stride == 0 else [])]
        outputs, after = zip(
            *(window_step(self.model, self.frames, frames, window, alone=self.tumbles) for window in windows),
            strict=True,
        )
        left = tuple(window for window in after if window.step < self.window)
        return outputs[0], replace(state, step=state.step + 1, windows=left)
