"""`colliculus explain`: example clips, where the model looked, what fired, and how its features lie."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal

import tyro

from colliculus.cli.options import NoSettings, RunFolder, SettingsT, Switch, leading_name, parse
from colliculus.cli.run_data import load_data, part_of
from colliculus.records import console
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import RenderableType

    from colliculus.cli.album import Album
    from colliculus.data.dataset import Split
    from colliculus.data.noise import GaussianNoise
    from colliculus.files.cache import Cache
    from colliculus.model import MultimodalSNN
    from colliculus.runs.run import Run
    from colliculus.types import Batch

FOLDER, RECORD = "explain", "explain.json"
NEURONS_IN_A_RASTER = 96

Record = dict[str, Any]
"""Plain JSON values."""


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Explain a run on example clips: half of them its worst mistakes, the others right.

    For each clip: the inputs, Grad-CAM and gradient maps and the attention over them, evidence, the probability of its
    class when the network runs for its first 1, 2, ... T steps (later ones are withheld), spike rasters, and the scores
    of the time steps where there are any (TAAF). For many clips: the joint feature in the plane, by principal
    components and t-SNE.

    Written into RUN/explain: explain.json and the pictures it names. Under the noise that the run learned under, if it
    did. What is done is not computed again after an interruption.
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
    clips: int = 6
    """example clips"""
    index: tuple[int, ...] = ()
    """explain these clips instead, by their row in the split, counted from 0"""
    points: int = 300
    """clips in the plane, at most; evenly over the split"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    data: SettingsT
    """the data to explain on"""


@dataclass(frozen=True)
class Subject:
    """What is explained: a model on the clips of a split, as the run saw them in its test."""

    run: Run
    model: MultimodalSNN
    split: Split
    noise: GaussianNoise | None

    def batch(self, index: int) -> tuple[Batch, Batch]:
        """One clip, as the model gets it and without noise."""
        import numpy as np

        from colliculus.types import Batch

        row = np.array([index], dtype=np.int64)
        clean = self.split.batch(row, epoch=0).to(next(self.model.parameters()).device)
        return Batch(clean.inputs if self.noise is None else self.noise(clean.inputs, row), clean.labels), clean


def run(arguments: list[str]) -> int:
    """Explain, draw and print."""
    folder = Path(leading_name(arguments, Options[NoSettings], "explain", "colliculus explain RUN [options]"))

    from colliculus.cli.album import Album
    from colliculus.data.noise import GaussianNoise
    from colliculus.files.atomic import write_atomic
    from colliculus.files.cache import Cache
    from colliculus.runs.identity import identity
    from colliculus.runs.run import load_model, read_run
    from colliculus.runtime import choose_device

    trained = read_run(folder)
    data = trained.experiment.data
    options = parse(Options[type(data)], "explain", arguments, Options(run=tyro.MISSING, data=data))
    dataset = load_data(trained, options.data)
    split = part_of(dataset, options.split)
    _check(options, len(split))
    snr_db = dict(trained.experiment.train.snr_db)
    model = load_model(folder).to(choose_device(options.device))
    subject = Subject(trained, model, split, GaussianNoise(snr_db) if snr_db else None)
    about = identity(folder, trained, dataset.fingerprint) | {"split": options.split, "snr_db": snr_db}
    about["time_steps"] = trained.experiment.method.time_steps
    pieces = Cache(folder / FOLDER / "pieces", about)
    album = Album.about(folder / FOLDER, about)
    found = {
        "clips": _clips(subject, options, album, pieces),
        "time_weights": _kept(pieces, "time-weights", lambda: _time_weights(subject, options.points)),
        "features": _kept(pieces, f"features-{options.points}", lambda: _features(subject, options.points)),
    }
    write_atomic(folder / FOLDER / RECORD, json.dumps(about | found, indent=1, allow_nan=False).encode())
    album.remove_others()
    if options.json:
        console.show_json({"run": str(folder)} | about | found)
    else:
        console.show(
            _table(found["clips"]), f"Written into {folder / FOLDER}; to look at it: colliculus report {folder}"
        )
    return 0


def _check(options: Options[Any], count: int) -> None:
    if options.clips < 1 or options.points < 1:
        raise ColliculusError("--clips and --points must be at least 1")
    if strangers := [i for i in options.index if not 0 <= i < count]:
        raise ColliculusError(f"there is no clip {strangers[0]}: the {options.split} part has 0 to {count - 1}")


def _kept(pieces: Cache, name: str, make: Callable[[], Any]) -> Any:
    """A piece that is there, else made and kept; as a file gives it back."""
    found = pieces.find(name)
    return _renewed(pieces, name, make) if found is None else found


def _renewed(pieces: Cache, name: str, make: Callable[[], Any]) -> Any:
    """A piece made now; as a file gives it back."""
    pieces.keep(name, make())
    return pieces.find(name)


def _clips(subject: Subject, options: Options[Any], album: Album, pieces: Cache) -> list[Record]:
    chosen = options.index or _kept(pieces, f"choice-{options.clips}", lambda: _choose(subject, options.clips))
    return [_kept_clip(subject, i, album, pieces) for i in console.steps(chosen, "clips")]


def _kept_clip(subject: Subject, index: int, album: Album, pieces: Cache) -> Record:
    """What is told of a clip; it is told anew where a picture is gone."""
    name = f"clip-{index}"
    found: Record | None = pieces.find(name)
    if found is not None and album.holds(picture["file"] for picture in found["pictures"]):
        return found
    return _renewed(pieces, name, lambda: _clip(subject, index, album))


def _choose(subject: Subject, count: int) -> list[int]:
    from colliculus.evaluation.answers import measure_answers
    from colliculus.evaluation.explain import choose_examples

    size = subject.run.experiment.train.batch_size
    everyone = frozenset(subject.model.modalities)
    answers = measure_answers(subject.model, subject.split, everyone, batch_size=size, corruption=subject.noise)
    return choose_examples(answers.predicted, subject.split.labels, answers.probability, count)


def _clip(subject: Subject, index: int, album: Album) -> Record:
    """All that is told of one clip; its pictures are written."""
    from colliculus.evaluation.anytime import outputs_by_step
    from colliculus.evaluation.explain import explain

    batch, clean = subject.batch(index)
    names = subject.run.spec.names
    outputs = outputs_by_step(subject.model, batch.inputs, subject.run.experiment.method.time_steps)
    (why,) = explain(outputs, names)
    pictures: list[Record] = []
    for name, (modality, title, content) in _pictures(subject, batch, clean).items():
        pictures.append({"modality": modality, "title": title, "file": album.keep(index, name, content)})
    return {
        "index": index,
        "label": names[int(batch.labels[0])],
        **asdict(why),
        "time_weights": {stream: weights[:, 0].tolist() for stream, weights in outputs[-1].time_weights.items()},
        "pictures": pictures,
    }


def _pictures(subject: Subject, batch: Batch, clean: Batch) -> dict[str, tuple[str, str, bytes]]:
    """Modality (or "spikes"), title and PNG of every picture of one clip, by name."""
    from colliculus.cli.clip_pictures import SPECTROGRAMS, frames_of, maps_of, png, raster_png
    from colliculus.evaluation.maps import attention_maps, gradient_maps
    from colliculus.evaluation.rasters import spike_rasters

    found: dict[str, tuple[str, str, bytes]] = {}
    attention = attention_maps(subject.model, batch.inputs)
    for m, gradients in gradient_maps(subject.model, batch.inputs).items():
        shown = {"clean": clean.inputs[m]} if subject.noise is not None and m in subject.noise.snr_db else {}
        shown["input"] = batch.inputs[m]
        for kind, x in shown.items():
            title = "input without its noise" if kind == "clean" else "input"
            found[f"{m}-{kind}"] = (m, title, png(frames_of(x[..., 0, :, :, :]), upside_down=m in SPECTROGRAMS))
        frames = frames_of(batch.inputs[m][..., 0, :, :, :])
        maps = maps_of(frames, 0, m, gradients, attention, subject.model)
        found |= {f"{m}-{kind}": (m, title, content) for kind, (title, content) in maps.items()}
    rasters = spike_rasters(subject.model, batch.inputs, NEURONS_IN_A_RASTER)
    last = {".".join(layer.split(".")[:2]): layer for layer in rasters}  # the last layer of each part
    for part, layer in last.items():
        found[f"spikes-{part}"] = ("spikes", layer, raster_png(rasters[layer][0]))
    return found


def _some(subject: Subject, most: int) -> tuple[list[Batch], list[int]]:
    """Clips evenly over the split, in batches, and their rows."""
    import numpy as np

    from colliculus.types import Batch

    rows = np.linspace(0, len(subject.split) - 1, min(most, len(subject.split))).round().astype(np.int64)
    size = subject.run.experiment.train.batch_size
    batches: list[Batch] = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        batch = subject.split.batch(part, epoch=0).to(next(subject.model.parameters()).device)
        batches.append(Batch(subject.noise(batch.inputs, part), batch.labels) if subject.noise else batch)
    return batches, rows.tolist()


def _time_weights(subject: Subject, most: int) -> Mapping[str, object]:
    from colliculus.evaluation.time_weights import measure_time_weights

    found = measure_time_weights(subject.model, _some(subject, most)[0])
    return {stream: asdict(weights) for stream, weights in found.items()}


def _features(subject: Subject, most: int) -> Record:
    """The joint feature of some clips in the plane."""
    import numpy as np
    import torch

    from colliculus.evaluation.embedding import MOST_POINTS, pca, tsne
    from colliculus.evaluation.rasters import fused_features

    batches, rows = _some(subject, min(most, MOST_POINTS))
    features = torch.cat([fused_features(subject.model, batch.inputs) for batch in batches]).double().cpu().numpy()
    components, share = pca(features)
    return {
        "index": rows,
        "label": np.concatenate([batch.labels.cpu().numpy() for batch in batches]).tolist(),
        "pca": components.round(5).tolist(),
        "pca_share": share.tolist(),
        "tsne": tsne(features).round(4).tolist() if len(features) > 3 else [],
    }


def _table(clips: list[Record]) -> RenderableType:
    table = console.plain_table()
    for heading in ("clip", "class", "taken for"):
        table.add_column(heading, style="cyan")
    table.add_column("prob.", justify="right")
    table.add_column("% run for 1, 2, ... steps", justify="right")
    for clip in clips:
        steps = " ".join(f"{100 * share:.0f}" for share in clip["step_probabilities"])
        wrong = "" if clip["label"] == clip["predicted"] else "  (wrong)"
        numbers = console.percent(clip["probability"]), steps
        table.add_row(str(clip["index"]), clip["label"], clip["predicted"] + wrong, *numbers)
    return console.titled("Explained clips", table)
