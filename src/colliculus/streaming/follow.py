"""The answers to a source: one for each window, as soon as it is sure enough or the window ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from colliculus.evaluation.explanation.decision import decisions
from colliculus.streaming.sources import Stretch
from colliculus.streaming.stream import Stream
from colliculus.types import ColliculusError, Output, printable


@dataclass(frozen=True, kw_only=True)
class StreamAnswer:
    """The answer of a window.

    Args:
        source: name of the clip, "-" for a pipe.
        start_s: start of the window in seconds from the start of the source; None where it has no time.
        end_s: end of what was used of it.
        predicted: name of the most probable class.
        probability: its probability.
        evidence: of each modality for that class, as in `predict`; empty where the fusion has no such shares.
        steps: steps that were used.
        saved: steps of the window that were not needed.
    """

    source: str
    start_s: float | None
    end_s: float | None
    predicted: str
    probability: float
    evidence: dict[str, float]
    steps: int
    saved: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def line(self) -> str:
        """One line for people.

        Example:
            >>> answer = StreamAnswer(source="cat", start_s=3.0, end_s=4.5, predicted="meow", probability=0.91,
            ...     evidence={"audio": 1.2, "visual": -0.1}, steps=2, saved=2)
            >>> answer.line()
            'cat  3.0-4.5 s  meow  91.0 %  audio +1.20  visual -0.10  2 of 4 steps'
        """
        time = [] if self.start_s is None else [f"{self.start_s:.1f}-{self.end_s:.1f} s"]
        evidence = [f"{m} {x:+.2f}" for m, x in self.evidence.items()]
        steps = [f"{self.steps} of {self.steps + self.saved} steps"] if self.saved else []
        share = f"{100 * self.probability:.1f} %"
        return printable("  ".join([self.source, *time, self.predicted, share, *evidence, *steps]))


def follow(stream: Stream, parts: Iterable[Stretch], *, anytime: float | None = None) -> Iterator[StreamAnswer]:
    """The answers of a stream to the parts of a source, one clip at a time.

    Args:
        stream: the stream.
        parts: as the sources give them.
        anytime: probability at which a window has its answer, and the rest of it is passed over; None waits for its
            end. Windows that are shorter than a clip, overlap or have no end cannot be passed over.

    Yields:
        The answer of each window; of an endless stream one after every `window` steps.

    Raises:
        ColliculusError: `anytime` is not a probability, or the windows are not whole clips; or they are shorter, and
            the model takes more or fewer frames than one in some steps.

    Example:
        >>> import torch
        >>> from colliculus import DataSpec, LateFusion
        >>> from colliculus.streaming.sources import by_step
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3, steps={"audio": 4})
        >>> stream = Stream(LateFusion(dim=16, encoder="shallow").model(spec), total=4)
        >>> part = Stretch("clip", None, None, 4, by_step(stream, {"audio": torch.zeros(4, 1, 1, 16, 16)}))
        >>> [(answer.steps, answer.saved) for answer in follow(stream, [part], anytime=0.3)]
        [(1, 3)]
    """
    if anytime is not None and not 0 < anytime <= 1:
        raise ColliculusError(f"`anytime` is {anytime}: choose a probability above 0, up to 1")
    if anytime is not None and not stream.takes_clips:
        raise ColliculusError(
            "`anytime` ends a window early, and these overlap, have no end or are no whole clips: leave it out"
        )
    if stream.takes_clips:
        return _windows(stream, parts, anytime)
    if not stream.carry:
        stream.frames.check_single()
    return _without_gaps(stream, parts)


def _windows(stream: Stream, parts: Iterable[Stretch], anytime: float | None) -> Iterator[StreamAnswer]:
    for part in parts:
        state, used = stream.start(), 0
        output: Output | None = None
        for frames in part.steps:  # to the end also where the rest is passed over: a pipe must be read
            sure = output is not None and anytime is not None and _top(output.logits) >= anytime
            if sure:
                continue
            output, state = stream.step(frames, state)
            used += 1
        if output is not None:
            yield _answer(stream, output, part, first=0, last=used, saved=stream.window - used)


def _without_gaps(stream: Stream, parts: Iterable[Stretch]) -> Iterator[StreamAnswer]:
    state, source, begun = stream.start(), "", None
    for part in parts:
        if part.source != source or begun is None:
            state, source, begun = stream.start(), part.source, part
        for frames in part.steps:
            output, state = stream.step(frames, state)
            over = state.step - stream.window
            if over >= 0 and over % stream.stride == 0:
                yield _answer(stream, output, begun, first=over, last=state.step, saved=0)


def _top(logits: Tensor) -> float:
    return logits.softmax(1).max().item()


def _answer(stream: Stream, output: Output, part: Stretch, *, first: int, last: int, saved: int) -> StreamAnswer:
    (decision,) = decisions([output], stream.model.spec.names)
    step_s = None if part.length_s is None else part.length_s / part.num_steps
    start_s = part.start_s or 0.0
    return StreamAnswer(
        source=part.source,
        start_s=None if step_s is None else start_s + first * step_s,
        end_s=None if step_s is None else start_s + last * step_s,
        predicted=decision.predicted,
        probability=decision.probability,
        evidence=decision.evidence,
        steps=last - first,
        saved=saved,
    )
