"""`colliculus contribution`: contribution of each modality of a trained run, measured by withholding the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal

from colliculus.cli.options import RunFolder, SettingsT, Switch, parse_for_run
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Measure the contribution of each modality by giving the model every subset of them.

    Shapley values divide the performance beyond chance among the modalities: of the accuracy over all clips, and of
    the probability of the true class of every clip. Also shown: accuracy alone and together, the gain over the best
    modality alone, and the accuracy of the same network run for its first 1, 2, ... T steps only, for each modality
    alone and all together; where streams are aligned in time, later steps count as zero.

    Written into RUN/contribution: contribution.json, and clips.csv with a row per clip. The noise of the training is
    kept. After an interruption, finished passes over the data are not repeated.
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    data: SettingsT
    """the data to measure on"""


def run(arguments: list[str]) -> int:
    """Measure, write and print."""
    options = parse_for_run(Options, "contribution", arguments)

    from colliculus.evaluation.contribution import FOLDER, contribution

    found = contribution(options.run, data=options.data, split=options.split, device=options.device)
    if options.json:
        console.show_json({"run": str(options.run)} | found.to_dict())
    else:
        console.show(found.table().renderable(), f"Written into {options.run / FOLDER}")
    return 0
