"""`colliculus robustness`: accuracy of a trained run under noise, blur, dropped frames, shifts and attacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal

from colliculus.cli.options import RunFolder, Settings, SettingsT, Switch, parse_for_run
from colliculus.evaluation.corruption.plan import Kind, RobustnessSettings
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Measure accuracy under corruptions of each modality and of all together.

    White and pink noise by SNR, blur, occlusion, dropped frames, a shift of one modality in time, a missing modality
    (raw zeros, its mean, or not given at all) and, on request, adversarial inputs. The area under a curve is the mean
    accuracy along it; relative robustness is that area beyond chance, as a share of the clean accuracy beyond chance.

    Written into RUN/robustness: curves.csv, curves.png and result.json. The noise of the training is kept; measured
    noise replaces it. After an interruption, finished points are not measured again.
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
    only: tuple[Kind, ...] = ()
    """measure only these, such as --only white missing; others stay as they were measured with these settings"""
    clean: Switch = False
    """leave out the noise of the training"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    corruptions: Settings[RobustnessSettings] = field(default_factory=RobustnessSettings)
    """severities and seeds"""
    data: SettingsT
    """the data to measure on"""


def run(arguments: list[str]) -> int:
    """Measure, write, draw and print."""
    options = parse_for_run(Options, "robustness", arguments)

    from colliculus.evaluation.robustness import FIGURE, FOLDER, robustness

    found = robustness(
        options.run,
        options.corruptions,
        only=options.only,
        clean=options.clean,
        split=options.split,
        device=options.device,
        data=options.data,
    )
    picture = options.run / FOLDER / FIGURE
    if options.json:
        drawn = str(picture) if picture.exists() else None
        console.show_json({"run": str(options.run), "picture": drawn} | found.to_dict())
        return 0
    console.show(found.table().renderable(), f"Written into {options.run / FOLDER}")
    for kind, why in found.not_applicable.items():
        if not options.only or kind in options.only:
            console.remark(f"{kind} was not measured: {why}")
    return 0
