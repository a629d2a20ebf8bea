"""`colliculus show`: what there is to train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import Positional

from colliculus.cli.options import parse
from colliculus.records import console
from colliculus.types import unknown_name

if TYPE_CHECKING:
    from rich.console import RenderableType

TOPICS = ("presets", "methods", "datasets", "kernels")


@dataclass(frozen=True, kw_only=True)
class Options:
    """List presets, methods, datasets and the neuron's kernels, or show every setting of one preset."""

    topic: Annotated[str | None, Positional, tyro.conf.arg(metavar="TOPIC")] = None
    """presets, methods, datasets, kernels, or the name of a preset, method or dataset; left out, the four lists"""


def run(arguments: list[str]) -> int:
    """Print the asked-for lists, or one entry in full."""
    topic = parse(Options, "show", arguments).topic
    topics = TOPICS if topic is None else (topic,)
    for chosen in topics:
        console.show(*_page(chosen))
    return 0


def _page(topic: str) -> Iterable[RenderableType]:
    from colliculus.data import DATASETS
    from colliculus.methods import METHODS
    from colliculus.presets import PRESETS

    kinds = {"methods": METHODS, "datasets": DATASETS}
    if topic == "presets":
        return _presets()
    if topic == "kernels":
        return _kernels()
    if topic in kinds:
        return [_list(topic, {name: _summary(kind) for name, kind in kinds[topic].items()})]
    if topic in PRESETS:
        return _preset(topic)
    for table in kinds.values():
        if topic in table:
            return _kind(topic, table[topic])
    raise unknown_name("topic", topic, [*TOPICS, *PRESETS, *METHODS, *DATASETS])


def _presets() -> Iterable[RenderableType]:
    """A row for each method, which stands for its presets on all datasets."""
    from colliculus.presets import PRESETS

    titles = {name.removesuffix(f"-{p.data}"): p.title for name, p in PRESETS.items()}
    known = {p.data: p.phrase for p in PRESETS.values()}
    lacking = {m: [data for data in known if f"{m}-{data}" not in PRESETS] for m in titles}
    rows = {m: title + (f" (not on {', '.join(lacking[m])})" if lacking[m] else "") for m, title in titles.items()}
    yield console.facts("presets: METHOD-DATA, with METHOD one of", rows)
    yield console.facts("and DATA one of", known)
    yield "To begin: colliculus train s-cmrl-synthetic --out runs/first"
    yield ""


def _kernels() -> Iterable[RenderableType]:
    """What can compute the neurons here, and what does."""
    import torch

    from colliculus.neurons.kernels import choice

    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    used = {device: choice.in_use(device) for device in devices}
    rows = {name: f"{kernel.summary}: {_state(name, used)}" for name, kernel in choice.KERNELS.items()}
    yield console.facts("kernels: what computes the neurons, fastest last", rows)
    forced = choice.forced()
    reason = f"{choice.VARIABLE}={forced} says so" if forced else "the fastest that there is"
    yield from (f"In use on {device}: {name} ({reason})." for device, name in used.items())
    yield f"To force one: {choice.VARIABLE}={'|'.join(choice.KERNELS)}"
    yield ""


def _state(name: str, used: Mapping[str, str]) -> str:
    from colliculus.neurons.kernels import choice, native

    if reason := choice.KERNELS[name].missing():
        return reason
    speed = f" ({native.instructions()})" if name == "native" else ""
    return ("in use" if name in used.values() else "ready") + speed


def _list(title: str, rows: Mapping[str, str]) -> RenderableType:
    return console.facts(title, rows)


def _preset(name: str) -> Iterable[RenderableType]:
    from colliculus.presets import PRESETS

    preset = PRESETS[name]
    experiment = preset.experiment
    kinds = {"method": experiment.method.name, "data": experiment.data.name}
    yield console.facts(f"{name}: {preset.description}", kinds | dict(_flags(experiment, "--")))
    yield "To override a setting (--help there says what each one means):"
    yield f"  colliculus train {name} \\\n    --train.epochs 5 --out RUN"


def _kind(name: str, kind: type[Any]) -> Iterable[RenderableType]:
    from rich.text import Text

    from colliculus.presets import PRESETS

    using = [key for key, p in PRESETS.items() if name in (p.experiment.method.name, p.experiment.data.name)]
    yield Text(f"{name}\n\n{cleandoc(kind.__doc__ or '')}\n")
    yield f"Presets: {', '.join(using)}"


def _summary(kind: type[Any]) -> str:
    """First line of a class's docstring, without its full stop."""
    return cleandoc(kind.__doc__ or "").partition("\n")[0].rstrip(".")


def _flags(settings: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """Every setting under the name by which the command line overrides it."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        flag = prefix + field.name.replace("_", "-")
        if is_dataclass(value):
            yield from _flags(value, f"{flag}.")
        else:
            yield flag, " ".join(map(str, value)) if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
