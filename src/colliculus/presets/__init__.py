"""Named experiments: a method, a dataset and the settings of the training.

There is a preset "METHOD-DATA" for every method on every dataset. A line in `METHODS` of `presets/methods.py` or an
entry in `DATA` adds a row or a column; the command line lists it and the tests run it. Methods and datasets of other
packages (`colliculus.plugins`) have presets by their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colliculus.data import DATASETS
from colliculus.methods import METHODS as KINDS
from colliculus.methods import TAAF
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.plugins import Parts
from colliculus.presets.data import DATA, OURS, DataRow
from colliculus.presets.methods import METHODS, OWN_ENCODERS
from colliculus.records import Record, Table, Tables
from colliculus.runs.config import with_config
from colliculus.runs.experiment import Experiment, replaced
from colliculus.runs.recipes import with_recipe
from colliculus.types import unknown_name


@dataclass(frozen=True)
class Preset:
    """An experiment with its description "<title> on <phrase>"; `data` is the second part of its name."""

    title: str
    phrase: str
    data: str
    experiment: Experiment[Any, Any]

    @property
    def description(self) -> str:
        """Description in one line."""
        return f"{self.title} on {self.phrase}"


_OF_ONE_MODALITY = ("audio", "visual")
_NO_MODALITY_OF_THAT_NAME = {(m, data) for m in _OF_ONE_MODALITY for data in ("arrays", "utd-mhad", "utd-mhad-3")}
"""Their modalities have other names."""

_TAAF: dict[str, TAAF] = {
    "crema-d": TAAF(),
    "ave": TAAF(modality_steps={"visual": 3}),  # the three frames of the papers, one step each
}
"""TAAF with the encoder and the width of the paper on its data; the training is ours."""


def _experiment(method: str, data: str, chosen: DataRow) -> Experiment[Any, Any]:
    if method == "taaf" and data in _TAAF:
        return Experiment(method=_TAAF[data], data=chosen.settings, train=OURS)
    made = METHODS[method][1](chosen)
    if made.time_steps:  # else the method chooses steps and encoder by the shape of the data
        encoder = made.encoder if made.encoder in OWN_ENCODERS else chosen.encoder
        made = replace(made, time_steps=chosen.time_steps, encoder=encoder)
    return Experiment(
        method=made,
        data=chosen.settings,
        train=chosen.train,
    )


def _made(method: str, data: str) -> Preset:
    """The preset METHOD-DATA; what is of another package is imported now."""
    row = DATA.get(data) or _row_of(data)
    if method in METHODS:
        return Preset(METHODS[method][0], row.phrase, data, _experiment(method, data, row))
    kind: Any = KINDS[method]()
    if isinstance(kind, SpikingTransformer):
        own = {"dim": row.dim, "time_steps": row.time_steps, "encoder": row.encoder}
        kind = replace(kind, **own) if kind.time_steps else replace(kind, dim=row.dim)
    return Preset(
        _of_package(KINDS, method), row.phrase, data, Experiment(method=kind, data=row.settings, train=row.train)
    )


def _row_of(data: str) -> DataRow:
    """The row of a dataset of another package."""
    return DataRow(phrase=_of_package(DATASETS, data), settings=DATASETS[data](), encoder="auto")


def _of_package(parts: Parts[Any], name: str) -> str:
    return f"{name} of the package {parts.others[name]}"


class Presets(Mapping[str, Preset]):
    """Every experiment by its name METHOD-DATA, in the order in which `colliculus show presets` lists them.

    Methods and datasets of other packages have presets, too. They are imported when one of these is asked for.
    """

    def __init__(self) -> None:
        self._own = {
            f"{method}-{data}": _made(method, data)
            for data in DATA
            for method in METHODS
            if (method, data) not in _NO_MODALITY_OF_THAT_NAME
        }

    @property
    def _others(self) -> dict[str, tuple[str, str]]:
        """Method and data of each preset with a part of another package."""
        methods, data = KINDS.others, DATASETS.others
        pairs = [(m, d) for d in (*DATA, *data) for m in methods]
        pairs += [(m, d) for d in data for m in METHODS if m not in _OF_ONE_MODALITY]
        return {f"{m}-{d}": (m, d) for m, d in pairs}

    def __getitem__(self, name: str) -> Preset:
        return self._own[name] if name in self._own else _made(*self._others[name])

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._others

    def __iter__(self) -> Iterator[str]:
        return iter([*self._own, *self._others])

    def __len__(self) -> int:
        return len(self._own) + len(self._others)


PRESETS = Presets()
"""Every experiment by its name METHOD-DATA; `colliculus show presets` lists them in this order."""


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
    methods = {name: title for name, (title, _) in METHODS.items()}
    return PresetList(
        methods=methods | {name: _of_package(KINDS, name) for name in KINDS.others},
        data={name: row.phrase for name, row in DATA.items()} | {d: _of_package(DATASETS, d) for d in DATASETS.others},
        names=tuple(PRESETS),
    )


def preset(
    name: str, *, recipe: str | None = None, config: Path | str | None = None, **overrides: Any
) -> Experiment[Any, Any]:
    """The experiment of that name, with some settings changed.

    Args:
        name: one of `presets()`.
        recipe: a balance with the training of its authors, such as "ogm-ge"; `colliculus show recipes` lists them.
        config: a `run.yaml`, or a YAML file with some of its settings; see `colliculus.runs.config.with_config`.
        overrides: changed settings, nested or by dotted name; see `colliculus.runs.experiment.replaced`.

    Raises:
        ColliculusError: a name is unknown (the nearest is offered), or a value is wrong.

    Example:
        >>> experiment = preset("s-cmrl-synthetic", method={"dim": 64}, **{"train.epochs": 2})
        >>> experiment.name, experiment.method.dim, experiment.train.epochs
        ('s-cmrl-synthetic', 64, 2)
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    start = replace(PRESETS[name].experiment, preset=name)
    chosen = start if recipe is None else with_recipe(start, recipe)
    return replaced(chosen if config is None else with_config(chosen, config), overrides)
