"""`colliculus robustness`: accuracy of a trained run under noise, blur, dropped frames, shifts and attacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from colliculus.cli.options import PartOptions, Settings, SettingsT, Switch, parse_for_run
from colliculus.evaluation.corruption.plan import Kind, RobustnessSettings
from colliculus.records import console


@dataclass(frozen=True, kw_only=True)
class Options(PartOptions[SettingsT]):
    """Measure accuracy under corruptions of each modality and of all together.

    White and pink noise on the standardised input by SNR, blur, occlusion, dropped frames, a shift of one modality in
    time, a missing modality (raw zeros, its mean, or not given at all). Where waveforms are at hand (av-digits, sound
    prepared as `waveform`), noise on the sound itself, before its spectrogram: white (acoustic) and other clips of the
    same part (babble). On request, adversarial inputs and white noise by the power of the raw input, as S-CMRL's
    program adds it (white-raw). The area under a curve is the mean accuracy along it; relative robustness is that area
    beyond chance, as a share of the clean accuracy beyond chance.

    Written into RUN/robustness: curves.csv, curves.png and result.json. The noise of the training is kept; measured
    noise replaces it. After an interruption, finished points are not measured again.
    """

    only: tuple[Kind, ...] = ()
    """measure only these, such as --only acoustic babble; others stay as they were measured with these settings"""
    clean: Switch = False
    """leave out the noise of the training"""
    precision: Literal["fp32", "bf16", "int8"] = "fp32"
    """of the network; with bf16 or int8 the folder is RUN/robustness-bf16 or RUN/robustness-int8, which the
    report does not show"""
    corruptions: Settings[RobustnessSettings] = field(default_factory=RobustnessSettings)
    """severities and seeds"""


def run(arguments: list[str]) -> int:
    """Measure, write, draw and print."""
    options = parse_for_run(Options, "robustness", arguments)

    from colliculus.evaluation.robustness import robustness, robustness_file

    found = robustness(
        options.run,
        options.corruptions,
        only=options.only,
        clean=options.clean,
        split=options.split,
        device=options.device,
        data=options.data,
        precision=options.precision,
    )
    folder = (options.run / robustness_file(options.precision)).parent
    image = folder / "curves.png"
    drawn = str(image) if image.exists() else None
    options.show(found, f"Written into {folder}", run=str(options.run), picture=drawn)
    for kind, why in found.not_applicable.items():
        if not options.json and kind in (options.only or found.not_applicable):
            console.remark(f"{kind} was not measured: {why}")
    return 0
