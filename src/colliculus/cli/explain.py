"""`colliculus explain`: example clips, where the model looked, what fired, and how its features lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal

from colliculus.cli.options import RunFolder, SettingsT, Switch, parse_for_run
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Explain a run on example clips: half of them its worst mistakes, the others correct.

    For each clip: the inputs, Grad-CAM and gradient maps and the attention over them, evidence, the probability of its
    class when the network runs for its first 1, 2, ... T steps (later ones are withheld), spike rasters, and the scores
    of the time steps where there are any (TAAF). For many clips: the joint feature in the plane, by principal
    components and t-SNE (needs the extra `report`).

    Measured under the noise of the training if there was any, and written into RUN/explain: explain.json and the images
    that it names. An interruption costs at most one clip.
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
    clips: int = 6
    """number of example clips"""
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


def run(arguments: list[str]) -> int:
    """Explain, draw and print."""
    options = parse_for_run(Options, "explain", arguments)

    from colliculus.evaluation.explanation.measure import FOLDER, explain

    found = explain(
        options.run,
        options.data,
        split=options.split,
        clips=options.clips,
        index=options.index,
        points=options.points,
        device=options.device,
    )
    if options.json:
        console.show_json({"run": str(options.run)} | found.to_dict())
    else:
        written = f"Written into {options.run / FOLDER}; to look at it: colliculus report {options.run}"
        console.show(found.table().renderable(), written)
    return 0
