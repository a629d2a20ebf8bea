"""`colliculus predict`: classify files with a trained run, and tell why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import Positional

from colliculus.cli.options import RunFolder, Switch, parse
from colliculus.records import console
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.data.dataset import ClipReader
    from colliculus.evaluation.explanation.decision import Decision
    from colliculus.media.clips import Clip
    from colliculus.model import MultimodalSNN
    from colliculus.runs.run import Run


MEANING = (
    "Below a modality: its evidence for the class (- where the fusion leaves none that is its alone). By step: "
    "probability of the class when the network runs for its first 1, 2, ... steps only, later ones withheld."
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Classify files with a trained run.

    Files of one stem (clip.wav and clip.png) are one clip. One modality may be missing. Evidence is what a modality
    gave to the class that was chosen: its share of the class's logit less its mean share over all classes, so a
    positive number speaks for the class. The steps are the probabilities of that class when the network runs for its
    first 1, 2, ... T steps, later ones withheld. Clips that cannot be read are told on stderr and left out; the exit
    code is then 1, and 2 where none can be.
    """

    run: RunFolder
    """folder of the run"""
    files: Annotated[tuple[Path, ...], Positional, tyro.conf.arg(metavar="FILE|FOLDER ...")]
    """files of one or more clips, or folders of them"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""


@dataclass(frozen=True)
class Prediction:
    """A clip, why it was classified as it was, and which modalities it lacks."""

    clip: str
    explanation: Decision
    missing: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"clip": self.clip, **asdict(self.explanation), "missing": list(self.missing)}


def run(arguments: list[str]) -> int:
    """Predict and print."""
    options = parse(Options, "predict", arguments)
    from colliculus.runs.run import load_model, read_run
    from colliculus.runtime import choose_device

    trained = read_run(options.run)
    model = load_model(options.run).to(choose_device(options.device))
    reader = trained.reader()
    clips = reader.group(list(_files(options.files, reader)))
    predictions, unread = _predict_all(clips, lambda name, clip: _predict(name, clip, reader, model, trained))
    if options.json:
        found = [p.as_json() for p in predictions]
        console.show_json({"run": str(options.run), "predictions": found, "unread": unread})
    else:
        console.show(_table(predictions, model.modalities), MEANING)
    return 1 if unread else 0


def _predict_all(
    clips: Mapping[str, Clip], predict: Callable[[str, Clip], Prediction]
) -> tuple[list[Prediction], dict[str, str]]:
    """The predictions, and of the clips that could not be read, which are told on stderr, why.

    Raises:
        ColliculusError: none could be read.
    """
    predictions: list[Prediction] = []
    unread: dict[str, str] = {}
    for name, clip in clips.items():
        try:
            predictions.append(predict(name, clip))
        except ColliculusError as error:
            if len(clips) == 1:
                raise
            unread[name] = str(error)
    for name, why in unread.items():
        console.remark(f"no prediction for {name!r}: {why}")
    if not predictions:
        raise ColliculusError(f"none of the {len(clips)} clips could be read: mend their files, or name others")
    return predictions, unread


def _files(given: tuple[Path, ...], reader: ClipReader) -> Iterable[Path]:
    """The given files; a folder stands for all in it that is not hidden and of a kind the reader knows."""
    if not given:
        raise ColliculusError("no file was named: colliculus predict RUN FILE... | FOLDER")
    for path in given:
        if not path.exists():
            raise ColliculusError(f"{path} does not exist: name a file or a folder of files to classify")
        if not path.is_dir():
            yield path
            continue
        inside = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith(".") and reader.knows(p)]
        if not inside:
            raise ColliculusError(f"{path} holds no file that can be classified: name a folder of such files")
        yield from inside


def _predict(name: str, clip: Clip, reader: ClipReader, model: MultimodalSNN, run: Run) -> Prediction:
    import numpy as np

    from colliculus.data.loading import collate
    from colliculus.evaluation.anytime import outputs_by_step
    from colliculus.evaluation.explanation.decision import decisions

    arrays = {m: array[None] for m, array in reader.read(clip).items() if m in model.modalities}
    if not arrays:
        raise ColliculusError(f"the clip {name!r} lacks what the model takes: give it {' or '.join(model.modalities)}")
    batch = collate(arrays, np.zeros(1, dtype=np.int64), run.normalisation).to(next(model.parameters()).device)
    outputs = outputs_by_step(model, batch.inputs, run.experiment.method.time_steps)
    (explanation,) = decisions(outputs, run.spec.names)
    return Prediction(name, explanation, tuple(m for m in model.modalities if m not in arrays))


def _evidence(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def _table(predictions: list[Prediction], modalities: tuple[str, ...]) -> RenderableType:
    table = console.plain_table()
    table.add_column("clip", overflow="fold")
    table.add_column("class", style="bold cyan")
    table.add_column("prob.", justify="right")
    for modality in modalities:
        table.add_column(modality, justify="right")
    table.add_column("% by step")
    for p in predictions:
        why = p.explanation
        evidence = ["missing" if m in p.missing else _evidence(why.evidence.get(m)) for m in modalities]
        steps = " ".join(f"{100 * share:.0f}" for share in why.step_probabilities)
        table.add_row(p.clip, why.predicted, console.percent(why.probability), *evidence, steps)
    return console.titled("Predictions", table)
