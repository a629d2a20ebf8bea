"""Named experiments: a method, a dataset and the settings of the training.

Every method is there on every dataset, under "METHOD-DATA"; a line in `_METHODS` or an entry in `_DATA` adds a row or a
column, the command line lists it and the tests run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from colliculus.data.arrays import Arrays
from colliculus.data.augment import Augment
from colliculus.data.augment.crop import RandomResizedCrop
from colliculus.data.augment.flip import Flip
from colliculus.data.augment.settings import Pictures
from colliculus.data.av_digits import AVDigits
from colliculus.data.dataset import DataSettings
from colliculus.data.folder import Folder
from colliculus.data.prepared import Prepared
from colliculus.data.synthetic import Synthetic
from colliculus.methods import CMCI, SCA, SCMRL, TAAF, LateFusion, ReferenceCMCI, Tectum, Unimodal, WeightedAttention
from colliculus.methods.spiking_transformer import EncoderName, SpikingTransformer
from colliculus.records import Record, Table, Tables
from colliculus.runs.experiment import Experiment, TrainSettings, replaced
from colliculus.types import unknown_name


@dataclass(frozen=True)
class Preset:
    """An experiment, what it trains and on what: "<title> on <phrase>"; `data` is the second part of its name."""

    title: str
    phrase: str
    data: str
    experiment: Experiment[Any, Any]

    @property
    def description(self) -> str:
        """What it is, in one line."""
        return f"{self.title} on {self.phrase}"


_CROP = RandomResizedCrop(probability=1.0, area=(0.08, 1.0))
_HONEST = Prepared(protocol="honest")
"""Published data, whatever lists their publisher has."""

_CROPPED = replace(_HONEST, augment=Augment(pictures=Pictures(crop=_CROP, flip=Flip(probability=0.5))))
"""Pictures as the published S-CMRL experiments show them in training; in test they are whole (there: their middle)."""

_PUBLISHED = TrainSettings(drop_incomplete=True, seed=42)
"""The training of the published S-CMRL experiments, on all of its data."""

_OURS = TrainSettings(epochs=100, batch_size=64, learning_rate=1e-3)
"""Where a paper does not tell its training, or has none on these data."""


@dataclass(frozen=True, kw_only=True)
class _Data:
    """Data with what suits them: settings of the training, and the size of the networks."""

    phrase: str
    settings: DataSettings = _HONEST
    train: TrainSettings = _OURS
    dim: int = 64
    heads: int = 8
    alpha: float = 0.25
    temperature: float = SCMRL.temperature
    time_steps: int = SCMRL.time_steps
    encoder: EncoderName = "deep"


_DATA = {
    "synthetic": _Data(
        phrase="made-up shapes and sounds",
        settings=Synthetic(),
        train=TrainSettings(epochs=10, batch_size=32, warmup_epochs=1, learning_rate=2e-3),
        dim=32,
        heads=4,
        alpha=1.5,
    ),
    "av-digits": _Data(
        phrase="spoken and written digits",
        settings=AVDigits(),
        train=TrainSettings(epochs=16, batch_size=64, learning_rate=2e-3, warmup_epochs=2, warmup_learning_rate=5e-4),
    ),
    "arrays": _Data(
        phrase="your arrays at --data.root",
        settings=Arrays(),
        train=TrainSettings(epochs=50, batch_size=64, learning_rate=1e-3),
    ),
    "folder": _Data(
        phrase="your clips at --data.root",
        settings=Folder(),
        train=TrainSettings(epochs=50, batch_size=64, learning_rate=1e-3),
    ),
    "prepared": _Data(phrase="what you prepared at --data.root", settings=Prepared()),
    "crema-d": _Data(phrase="CREMA-D", settings=_CROPPED, train=_PUBLISHED, dim=256, heads=16, alpha=1.5),
    "urbansound8k-av": _Data(
        phrase="UrbanSound8K-AV", settings=_CROPPED, train=_PUBLISHED, dim=64, heads=16, alpha=1.5, temperature=0.08
    ),
    "mnistdvs-ntidigits": _Data(
        phrase="MNIST-DVS with N-TIDIGITS",
        train=_PUBLISHED,
        dim=256,  # published: 32 to 512
        heads=16,
        alpha=1.5,
        temperature=0.1,
        time_steps=16,
        encoder="shallow",
    ),
    "ave": _Data(phrase="AVE", dim=256, heads=16),
    "kinetics-sounds": _Data(phrase="Kinetics-Sounds", dim=256, heads=16),
    "cifar10-av": _Data(phrase="CIFAR10-AV"),
}

_REFERENCE_HEADS = 16
"""The released program has as many on all data; at D = 32 its heads are two channels wide."""

_METHODS: dict[str, tuple[str, Callable[[_Data], SpikingTransformer]]] = {
    "s-cmrl": (
        "S-CMRL",
        lambda data: SCMRL(dim=data.dim, heads=data.heads, alpha=data.alpha, temperature=data.temperature),
    ),
    "s-cmrl-reference": (
        "S-CMRL, arithmetic of the reference program",
        lambda data: SCMRL(dim=data.dim, heads=_REFERENCE_HEADS, temperature=data.temperature, reference=True),
    ),
    "spatial": (
        "S-CMRL's spatial attention alone",
        lambda data: SCMRL(
            dim=data.dim, heads=data.heads, alpha=data.alpha, cross_attention="spatial", alignment=False
        ),
    ),
    "temporal": (
        "S-CMRL's temporal attention alone",
        lambda data: SCMRL(
            dim=data.dim, heads=data.heads, alpha=data.alpha, cross_attention="temporal", alignment=False
        ),
    ),
    "taaf": (
        "TAAF (our reading)",
        lambda data: TAAF(dim=data.dim, encoder="deep"),  # the encoder of the others, so that they compare
    ),
    "tectum": (
        "Exchange of S-CMRL with TAAF (our reading)",
        lambda data: Tectum(dim=data.dim, heads=data.heads, alpha=data.alpha),
    ),
    "sca": ("Spiking cross-attention, no residual (SCA)", lambda data: SCA(dim=data.dim, heads=data.heads)),
    "sca-reference": (
        "SCA, arithmetic of the reference program",
        lambda data: SCA(dim=data.dim, heads=_REFERENCE_HEADS, reference=True),
    ),
    "cmci": ("Current integration as published (CMCI)", lambda data: CMCI(dim=data.dim)),
    "cmci-reference": ("CMCI as the reference program has it", lambda data: ReferenceCMCI(dim=data.dim)),
    "weighted-attention": ("One learned weight of each modality", lambda data: WeightedAttention(dim=data.dim)),
    "late-fusion": ("Late fusion by addition", lambda data: LateFusion(dim=data.dim)),
    "late-fusion-concat": ("Late fusion by concatenation", lambda data: LateFusion(dim=data.dim, fusion="concat")),
    "audio": ("Sound alone", lambda data: Unimodal(modality="audio", dim=data.dim, heads=data.heads)),
    "visual": ("Picture alone", lambda data: Unimodal(modality="visual", dim=data.dim, heads=data.heads)),
}

_NO_MODALITY_OF_THAT_NAME = {("audio", "arrays"), ("visual", "arrays")}
"""Arrays bring names of their own."""

_TAAF: dict[str, TAAF] = {
    "crema-d": TAAF(),
    "ave": TAAF(modality_steps={"visual": 3}),  # the three frames of the papers, one step each
}
"""TAAF with the encoder and the width that the paper names, on the data that it names; its training is our own."""


def _experiment(method: str, data: str) -> Experiment[Any, Any]:
    chosen = _DATA[data]
    if method == "taaf" and data in _TAAF:
        return Experiment(method=_TAAF[data], data=chosen.settings, train=_OURS)
    made = _METHODS[method][1](chosen)
    return Experiment(
        method=replace(made, time_steps=chosen.time_steps, encoder=chosen.encoder),
        data=chosen.settings,
        train=chosen.train,
    )


PRESETS: dict[str, Preset] = {
    f"{method}-{data}": Preset(title, chosen.phrase, data, _experiment(method, data))
    for data, chosen in _DATA.items()
    for method, (title, _) in _METHODS.items()
    if (method, data) not in _NO_MODALITY_OF_THAT_NAME
}
"""Every experiment, METHOD-DATA, by name; `colliculus show presets` lists them in this order."""


@dataclass(frozen=True)
class PresetList(Record):
    """The names of all presets, METHOD-DATA, in order.

    Args:
        methods: first parts of the names, with what they train.
        data: second parts, with what they train on.
        names: of all presets; not every method is on every dataset.
    """

    methods: Mapping[str, str]
    data: Mapping[str, str]
    names: tuple[str, ...]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def table(self) -> Tables:
        """The methods and the datasets, which together name the presets."""
        missing = {m: [data for data in self.data if f"{m}-{data}" not in self.names] for m in self.methods}
        methods = {
            m: does + (f" (not on {', '.join(missing[m])})" if missing[m] else "") for m, does in self.methods.items()
        }
        return Tables(
            (
                Table.facts("presets: METHOD-DATA, with METHOD one of", methods),
                Table.facts("and DATA one of", dict(self.data)),
            )
        )


def presets() -> PresetList:
    """All presets.

    Example:
        >>> "s-cmrl-av-digits" in presets()
        True
    """
    return PresetList(
        methods={name.removesuffix(f"-{p.data}"): p.title for name, p in PRESETS.items()},
        data={p.data: p.phrase for p in PRESETS.values()},
        names=tuple(PRESETS),
    )


def preset(name: str, **overrides: Any) -> Experiment[Any, Any]:
    """The experiment of that name, with some settings changed.

    Args:
        name: one of `presets()`.
        overrides: changed settings, nested or by dotted name; see `colliculus.runs.experiment.replaced`.

    Raises:
        ColliculusError: there is no such preset or setting (the nearest name is offered), or a value is wrong.

    Example:
        >>> experiment = preset("s-cmrl-synthetic", method={"dim": 64}, **{"train.epochs": 2})
        >>> experiment.name, experiment.method.dim, experiment.train.epochs
        ('s-cmrl-synthetic', 64, 2)
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return replaced(replace(PRESETS[name].experiment, preset=name), overrides)
