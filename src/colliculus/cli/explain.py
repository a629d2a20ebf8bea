"""`colliculus explain`: example clips, where the model looked, what fired, and how its features lie."""

from __future__ import annotations

from dataclasses import dataclass

from colliculus.cli.options import PartOptions, SettingsT, parse_for_run


@dataclass(frozen=True, kw_only=True)
class Options(PartOptions[SettingsT]):
    """Explain a run on example clips: half of them its worst mistakes, the others correct.

    For each clip: the inputs, Grad-CAM and gradient maps and the attention over them, evidence, the probability of its
    class when the network runs for its first 1, 2, ... T steps (later ones are withheld), spike rasters, and the scores
    of the time steps where there are any (TAAF). For many clips: the joint feature in the plane, by principal
    components and t-SNE (needs the extra `report`).

    Measured under the noise of the training if there was any, and written into RUN/explain: explain.json and the images
    that it names. An interruption costs at most one clip.
    """

    clips: int = 6
    """number of example clips"""
    index: tuple[int, ...] = ()
    """explain these clips instead, by their row in the split, counted from 0"""
    points: int = 300
    """clips in the plane, at most; evenly over the split"""


def run(arguments: list[str]) -> int:
    """Explain, draw and print."""
    options = parse_for_run(Options, "explain", arguments)

    from colliculus.evaluation.explanation.measure import explain

    found = explain(
        options.run,
        options.data,
        split=options.split,
        clips=options.clips,
        index=options.index,
        points=options.points,
        device=options.device,
    )
    written = f"Written into {(options.run / found.FILE).parent}; to look at it: colliculus report {options.run}"
    options.show(found, written, run=str(options.run))
    return 0
