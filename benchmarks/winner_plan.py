"""The plan of benchmarks/winner.py: data, recipes, variants and bars, fixed before the first training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from colliculus.data.augment import SMALL_DATA, Augment
from colliculus.data.augment.signals import MapAugment

PartName = Literal["digits", "lag", "utd", "utd-noise", "old", "frontier", "ablation"]
Changes = Mapping[str, Any]
Variants = Mapping[str, tuple[str, Changes]]
"""Method, the first part of the name of its presets, and changed settings, by title."""

# --- recipes and data ------------------------------------------------------------------------------------------------

_SHARED: dict[str, Any] = {
    "train.select": "last",
    "train.batch_size": 32,
    "train.learning_rate": 2e-3,
    "train.final_learning_rate": 0.0,
    "train.head_factor": 10.0,
}
DIGITS: dict[str, Any] = {**_SHARED, "train.epochs": 16, "train.warmup_epochs": 2}
UTD: dict[str, Any] = {
    **_SHARED,
    "train.epochs": 40,
    "train.warmup_epochs": 4,
    "train.refit": True,
    "data.augment.pictures": Augment().pictures,
    "data.augment.spectrograms": Augment().spectrograms,
    "data.augment.maps": MapAugment(warp=replace(SMALL_DATA.maps.warp, shift=0.08)),
    "data.augment.noise.probability": 0.0,
}
"""Augmented as its presets were when the study began."""
LAGS = (0, 1, 2, 3, 4)
_NOISY = {"train.snr_db": {"audio": -10.0, "visual": -10.0}}

DATA: dict[str, tuple[str, Changes]] = {
    **{task: ("av-digits", {**DIGITS, "data.task": task}) for task in ("xor", "same", "which")},
    **{f"lag-{lag}": ("av-digits", {**DIGITS, "data.task": "lag", "data.lag": lag}) for lag in LAGS},
    "old": ("av-digits", {**DIGITS, **_NOISY}),
    "utd": ("utd-mhad", UTD),
    "utd-3": ("utd-mhad-3", UTD),
}
"""Second part of the names of the presets, and the recipe."""
MODALITIES = {"utd-mhad": ("inertial", "skeleton"), "utd-mhad-3": ("inertial", "skeleton", "depth")}

# --- variants --------------------------------------------------------------------------------------------------------

CARE: dict[str, Any] = {
    "method.neuron.kind": "graded",
    "method.neuron.temporal_gradient": True,
    "method.time_steps": 0,
    "method.context": 0,
    "method.encoder": "auto",
    "method.readout": "weighted",
    "method.label_smoothing": 0.1,
}
"""The care that Tectum has; TAAF always has own heads, the others get them."""
_OWN_HEADS = {"method.unimodal_loss": 0.5}

_READING = {"method.regulariser": "none"}
"""TAAF's default when the study began; benchmarks/readings.py has chosen another one since."""

TECTUM, COUNTERPART = "Tectum", "Tectum, ReLU"
_OURS: Variants = {TECTUM: ("tectum", {})}
SUM, CONCAT, FED, TAAF = "sum", "concatenation", "S-CMRL, fed", "TAAF (our reading)"
RIVALS: Variants = {
    SUM: ("late-fusion", CARE | _OWN_HEADS),
    CONCAT: ("late-fusion-concat", CARE | _OWN_HEADS),
    "S-CMRL": ("s-cmrl", CARE | _OWN_HEADS),
    FED: ("s-cmrl-fed", CARE | _OWN_HEADS),
    TAAF: ("taaf", CARE | _READING),
    "weighted attention": ("weighted-attention", CARE | _OWN_HEADS),
    "CMCI": ("cmci", CARE | _OWN_HEADS),
}
PUBLISHED: Variants = {
    **{f"{title}, as published": (RIVALS[title][0], {}) for title in (SUM, "S-CMRL")},
    f"{TAAF}, as published": ("taaf", _READING),
}
PUBLISHED_SUM = f"{SUM}, as published"


def _levels(levels: int, step: float, **more: Any) -> tuple[str, Changes]:
    return "tectum", {
        "method.neuron.levels": levels,
        "method.neuron.step": step,
        **{f"method.{k}": more[k] for k in more},
    }


def _lif(steps: int) -> tuple[str, Changes]:
    return "tectum", {"method.neuron.kind": "lif", "method.time_steps": steps}


_RELU: Variants = {COUNTERPART: ("tectum", {"method.neuron.kind": "relu"})}
CHEAP: Variants = {
    "Tectum, D = 4": _levels(4, 1.0),
    "Tectum, D = 4, target 7,000": _levels(4, 1.0, rate_target=7000.0),
    "Tectum, D = 4, target 3,000": _levels(4, 1.0, rate_target=3000.0),
}
"""Highest level D, and a target for the binary spikes of a clip."""
_SUMS_AND_EXCHANGES = {title: RIVALS[title] for title in (SUM, "S-CMRL", TAAF)}
_UTD: Variants = {**_OURS, **PUBLISHED, **_SUMS_AND_EXCHANGES, **_RELU, **CHEAP}
_HEARD_NOISE = {"data.augment.noise.probability": 0.4}


def under_noise(title: str) -> str:
    """Title of a variant that is trained under noise."""
    return f"{title}, trained under noise"


UNDER_NOISE: Variants = {
    under_noise(title): (method, {**changes, **_HEARD_NOISE})
    for title, (method, changes) in {**_OURS, SUM: RIVALS[SUM], PUBLISHED_SUM: PUBLISHED[PUBLISHED_SUM]}.items()
}
"""Noise drawn for each sample and modality on its own, given to the sums as well."""
FRONTIER: Variants = {
    **_OURS,
    **{f"Tectum, LIF, T = {steps}": _lif(steps) for steps in (1, 4, 8)},
    "Tectum, D = 1": _levels(1, 2.0),
    "Tectum, D = 2": _levels(2, 2.0),
    "Tectum, D = 4": CHEAP["Tectum, D = 4"],
    "Tectum, D = 16": _levels(16, 0.25),
    "Tectum, D = 4, target 3,000": CHEAP["Tectum, D = 4, target 3,000"],
    "Tectum, D = 4, target 1,000": _levels(4, 1.0, rate_target=1000.0),
    **_RELU,
}
"""Tectum itself has D = 8 in steps of 1/2."""
ABLATION: Variants = {
    **_OURS,
    "without readout weights": ("tectum", {"method.readout": "mean"}),
    "without own losses": ("tectum", {"method.unimodal_loss": 0.0}),
    "Tectum, LIF, T = 4": _lif(4),
    "without exchange": ("tectum", {"method.exchange": "none"}),
    "attention in place of the joint layer": ("tectum", {"method.exchange": "attention"}),
    "mask in place of the joint layer": ("tectum", {"method.exchange": "mask"}),
    "joint layer always kept": ("tectum", {"method.joint.keep": "always"}),
    "joint layer with one map": ("tectum", {"method.joint.maps": 1}),
    "deep encoder": ("tectum", {"method.encoder": "deep"}),
    "readout at the common rate": ("tectum", {"train.head_factor": 1.0}),
}
_PLAIN: Variants = {"without augmentation": ("tectum", {"data.augment": Augment()})}
"""AV-Digits has none to take away."""

_LAGGED: Variants = {**_OURS, **{title: RIVALS[title] for title in (SUM, FED, TAAF)}}
_OLD: Variants = {**_OURS, **{title: rival for title, rival in RIVALS.items() if title != CONCAT}, **PUBLISHED}
PARTS: dict[PartName, dict[str, Variants]] = {
    "digits": {task: {**_OURS, **RIVALS} for task in ("xor", "same", "which")},
    "lag": {f"lag-{lag}": _LAGGED for lag in LAGS},
    "utd": {"utd": _UTD, "utd-3": _UTD},
    "utd-noise": {data: {**_UTD, **UNDER_NOISE} for data in ("utd", "utd-3")},
    "old": {"old": _OLD},
    "frontier": {"utd": FRONTIER},
    "ablation": {"utd": {**ABLATION, **_PLAIN}, "which": ABLATION},
}
"""Variants of each part on each of its data sets; a variant that two parts have is trained once."""
MORE_SEEDS: Mapping[PartName, int] = {"digits": 1}

# --- bars ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Requirements for Tectum, in percent and percentage points.

    Args:
        accuracy: least accuracy.
        margins: least difference to rivals, by title; a negative one allows Tectum to be below.
        p: bound of p of these differences, of both tests and after Holm; None: it is not asked.
        cheap: least accuracy at so many binary spikes of a clip, which a form may exceed by 5 %.
        among_best: True if no rival may be shown to be better.
        drop: most points that lag 4 may lie below lag 0.
    """

    accuracy: float | None = None
    margins: Mapping[str, float] = field(default_factory=dict[str, float])
    p: float | None = None
    cheap: Mapping[int, float] = field(default_factory=dict[int, float])
    among_best: bool = False
    drop: float | None = None


_ABOVE_ALL = dict.fromkeys(RIVALS, 3.0)
_ABOVE_PUBLISHED = dict.fromkeys(PUBLISHED, 6.0) | {COUNTERPART: -0.5}
_CHEAP = {7000: 95.0, 3000: 94.0}
BARS: dict[str, Bar] = {
    "xor": Bar(accuracy=99.0, margins=_ABOVE_ALL, p=0.01),
    "same": Bar(accuracy=97.0, margins=_ABOVE_ALL, p=0.01),
    "which": Bar(accuracy=95.0, margins=_ABOVE_ALL, p=0.01),
    "lag": Bar(drop=2.0),
    "utd": Bar(accuracy=96.0, margins=_ABOVE_PUBLISHED, cheap=_CHEAP),
    "utd-3": Bar(accuracy=97.0, margins=_ABOVE_PUBLISHED),
    "old": Bar(among_best=True),
}
NOISY_MARGIN = 15.0
"""Points of Tectum above the published sum on the noisy mean."""
