"""Named experiments: a method, a dataset and the settings of the training.

A name is a key of `PRESETS`, and that is all there is to adding one: the command line lists it, the tests run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from colliculus.data.arrays import Arrays
from colliculus.data.av_digits import AVDigits
from colliculus.data.folder import Folder
from colliculus.data.synthetic import Synthetic
from colliculus.methods import SCMRL, LateFusion, Unimodal
from colliculus.training.config import Experiment, TrainSettings
from colliculus.types import unknown_name


@dataclass(frozen=True)
class Preset:
    """An experiment and what it is for, in one line."""

    description: str
    experiment: Experiment[Any, Any]


_SYNTHETIC = TrainSettings(epochs=10, batch_size=32, warmup_epochs=1, learning_rate=2e-3)
_AV_DIGITS = TrainSettings(epochs=16, batch_size=64, learning_rate=2e-3, warmup_epochs=2, warmup_learning_rate=5e-4)
_OWN_DATA = TrainSettings(epochs=50, batch_size=64, learning_rate=1e-3)

PRESETS: dict[str, Preset] = {
    "s-cmrl-synthetic": Preset(
        "S-CMRL on made-up shapes and sounds: begin here",
        Experiment(method=SCMRL(dim=32, heads=4), data=Synthetic(), train=_SYNTHETIC),
    ),
    "late-fusion-synthetic": Preset(
        "Late fusion on the made-up shapes and sounds",
        Experiment(method=LateFusion(dim=32), data=Synthetic(), train=_SYNTHETIC),
    ),
    "audio-synthetic": Preset(
        "The made-up sounds alone",
        Experiment(method=Unimodal(modality="audio", dim=32, heads=4), data=Synthetic(), train=_SYNTHETIC),
    ),
    "visual-synthetic": Preset(
        "The made-up shapes alone",
        Experiment(method=Unimodal(modality="visual", dim=32, heads=4), data=Synthetic(), train=_SYNTHETIC),
    ),
    "s-cmrl-av-digits": Preset(
        "S-CMRL on spoken and written digits",
        Experiment(method=SCMRL(dim=64, heads=8, alpha=0.25), data=AVDigits(), train=_AV_DIGITS),
    ),
    "late-fusion-av-digits": Preset(
        "Late fusion on spoken and written digits",
        Experiment(method=LateFusion(dim=64), data=AVDigits(), train=_AV_DIGITS),
    ),
    "audio-av-digits": Preset(
        "The spoken digits alone",
        Experiment(method=Unimodal(modality="audio", dim=64, heads=8), data=AVDigits(), train=_AV_DIGITS),
    ),
    "visual-av-digits": Preset(
        "The written digits alone",
        Experiment(method=Unimodal(modality="visual", dim=64, heads=8), data=AVDigits(), train=_AV_DIGITS),
    ),
    "s-cmrl-reference-av-digits": Preset(
        "S-CMRL as its authors' program computes it",
        Experiment(method=SCMRL(dim=64, heads=16, reference=True), data=AVDigits(), train=_AV_DIGITS),
    ),
    "s-cmrl-arrays": Preset(
        "S-CMRL on your arrays: --data.root FOLDER",
        Experiment(method=SCMRL(dim=64, heads=8, alpha=0.25), data=Arrays(), train=_OWN_DATA),
    ),
    "late-fusion-arrays": Preset(
        "Late fusion on your arrays: --data.root FOLDER",
        Experiment(method=LateFusion(dim=64), data=Arrays(), train=_OWN_DATA),
    ),
    "s-cmrl-folder": Preset(
        "S-CMRL on your clips: --data.root FOLDER",
        Experiment(method=SCMRL(dim=64, heads=8, alpha=0.25), data=Folder(), train=_OWN_DATA),
    ),
    "late-fusion-folder": Preset(
        "Late fusion on your clips: --data.root FOLDER",
        Experiment(method=LateFusion(dim=64), data=Folder(), train=_OWN_DATA),
    ),
}
"""Every experiment by name; `colliculus show presets` lists them in this order."""


def preset(name: str) -> Experiment[Any, Any]:
    """The experiment of that name.

    Raises:
        ColliculusError: there is none; the nearest name is offered.

    Example:
        >>> preset("s-cmrl-synthetic").method.name
        'scmrl'
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name].experiment
