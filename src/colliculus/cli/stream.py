"""`colliculus stream`: classify what comes in, window by window."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import RunFolder, Switch, parse
from colliculus.records import console
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun
    from colliculus.streaming.sources import Stretch
    from colliculus.streaming.stream import Stream


@dataclass(frozen=True, kw_only=True)
class Options:
    """Classify what comes in, window by window, with a trained run.

    SOURCE is one or more files or folders of clips, where a recording longer than a window has an answer for each;
    `-`, raw frames from standard input (`.npy` arrays one after the other, see docs/streaming.md); or the number of a
    camera, such as 0, with the microphone (they need pip install 'colliculus[live]'). Each window is a line: time,
    class, probability, and evidence of each modality. Clips that cannot be read are reported on stderr and left out;
    the exit code is then 1, and 2 where none can be.
    """

    run: RunFolder
    """folder of the run"""
    sources: Annotated[tuple[str, ...], Positional, tyro.conf.arg(metavar="SOURCE ...")]
    """files or folders of clips; - for standard input; or the number of a camera"""
    anytime: float | None = None
    """probability at which a window has its answer, such as 0.9; the steps that are saved are counted"""
    window: int | None = None
    """steps of a window; None is all of the model"""
    stride: int | None = None
    """steps after which another window begins; None begins it when the last one ends"""
    carry: Switch = False
    """no windows: membranes go on for ever, with an answer after as many steps as a window has"""
    modalities: tuple[str, ...] = ()
    """modalities that standard input brings, in this order; none named: all of the run"""
    json: Switch = False
    """print one JSON object for each window"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""


def run(arguments: list[str]) -> int:
    """Follow the source and print."""
    options = parse(Options, "stream", arguments)

    from colliculus.evaluation.trained_run import open_run
    from colliculus.streaming.follow import follow
    from colliculus.streaming.of_run import stream

    opened = open_run(options.run, options.device)
    ours = stream(opened, window=options.window, stride=options.stride, carry=options.carry)
    unread: list[str] = []

    def report(name: str, error: ColliculusError) -> None:
        unread.append(name)
        console.remark(f"no answer for {name!r}: {error}")

    opened.remark_unfinished()
    for answer in follow(ours, _parts(ours, opened, options, report), anytime=options.anytime):
        print(json.dumps(answer.to_dict()) if options.json else answer.line(), flush=True)
    if unread:
        console.remark(f"clips that could not be read: {len(unread)}")
    return 1 if unread else 0


def _parts(
    stream: Stream, run: TrainedRun, options: Options, unread: Callable[[str, ColliculusError], None]
) -> Iterator[Stretch]:
    from colliculus.streaming.live import Devices, live_parts
    from colliculus.streaming.pipe import piped_parts
    from colliculus.streaming.sources import file_parts

    normalisation = run.run.normalisation
    if options.sources == ("-",):
        return piped_parts(stream, sys.stdin.buffer, options.modalities or stream.model.modalities, normalisation)
    if options.modalities:
        raise ColliculusError("--modalities says what standard input brings, and has no effect on others: leave it out")
    if len(options.sources) == 1 and options.sources[0].isdecimal():
        return live_parts(stream, Devices(int(options.sources[0])), run.run.reader(), normalisation)
    return file_parts(stream, [Path(source) for source in options.sources], run.run.reader(), normalisation, unread)
