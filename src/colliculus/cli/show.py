"""`colliculus show`: presets, pretrained runs, methods, datasets, recipes and kernels, or one of them in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import Positional

from colliculus.cli.options import parse
from colliculus.records import Table, Tables, console
from colliculus.types import unknown_name

if TYPE_CHECKING:
    from rich.console import RenderableType

TOPICS = ("presets", "pretrained", "methods", "datasets", "recipes", "plug-ins", "kernels")


@dataclass(frozen=True, kw_only=True)
class Options:
    """List presets, pretrained runs, methods, datasets, recipes, parts of other packages and the neuron's kernels.

    Or show every setting of one preset.
    """

    topic: Annotated[str | None, Positional, tyro.conf.arg(metavar="TOPIC")] = None
    """presets, pretrained, methods, datasets, recipes, plug-ins, kernels, or the name of a preset, method or dataset;
    left out, the lists"""


def run(arguments: list[str]) -> int:
    """Print the lists, or one entry in full."""
    topic = parse(Options, "show", arguments).topic
    for chosen in TOPICS if topic is None else (topic,):
        console.show(*_page(chosen))
    return 0


def _page(topic: str) -> Iterator[RenderableType | Table | Tables]:
    from colliculus.data import DATASETS
    from colliculus.methods import METHODS
    from colliculus.presets import PRESETS, presets
    from colliculus.runs.pretrained import pretrained
    from colliculus.runs.recipes import RECIPES

    kinds = {"methods": METHODS, "datasets": DATASETS}
    known = {name: table for table in kinds.values() for name in table}
    if topic == "presets":
        yield presets().table()
        yield "To begin: colliculus train s-cmrl-synthetic --out runs/first"
    elif topic == "pretrained":
        yield pretrained().table()
    elif topic == "kernels":
        yield _kernels()
    elif topic == "plug-ins":
        yield _plug_ins()
    elif topic == "recipes":
        yield Table.facts("recipes: a balance as its authors ran it", {n: each.source for n, each in RECIPES.items()})
        yield "To train by one: colliculus train late-fusion-synthetic --recipe pmr --out RUN"
    elif topic in kinds:
        table = kinds[topic]
        firsts = {name: cleandoc(kind.__doc__ or "").partition("\n")[0] for name, kind in table.own.items()}
        others = {name: f"of the package {package}" for name, package in table.others.items()}
        yield Table.facts(topic, {name: line.rstrip(".") for name, line in firsts.items()} | others)
    elif topic in PRESETS:
        yield Table.facts(f"{topic}: {PRESETS[topic].description}", _settings(PRESETS[topic].experiment))
        yield "To override a setting (--help there explains each one):"
        yield f"  colliculus train {topic} \\\n    --train.epochs 5 --out RUN"
    elif topic in known:
        using = [name for name, p in PRESETS.items() if topic in (p.experiment.method.name, p.experiment.data.name)]
        yield f"{topic}\n\n{cleandoc(known[topic][topic].__doc__ or '')}\n"
        yield f"Presets: {', '.join(using)}"
    else:
        raise unknown_name("topic", topic, [*TOPICS, *PRESETS, *known])
    if topic in TOPICS:
        yield ""


def _plug_ins() -> Table:
    """Parts of installed packages, by group; none of them is imported."""
    from colliculus.data import DATASETS
    from colliculus.fusion import FUSIONS
    from colliculus.methods import METHODS
    from colliculus.modulation.balance import BALANCES
    from colliculus.training.loggers import LOGGERS

    groups = (METHODS, DATASETS, FUSIONS, BALANCES, LOGGERS)
    offered = {g.group: ", ".join(f"{name} ({package})" for name, package in g.others.items()) for g in groups}
    return Table.facts("plug-ins: parts of other packages", {g: names or "none" for g, names in offered.items()})


def _kernels() -> Table:
    """Kernels that can compute the neurons on this machine, and the one in use."""
    import torch

    from colliculus.neurons.kernels import choice, native

    used = {device: choice.in_use(device) for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else []))}

    def state(name: str) -> str:
        speed = f" ({native.instructions()})" if name == "native" else ""
        return choice.KERNELS[name].missing() or ("in use" if name in used.values() else "ready") + speed

    reason = f"{choice.VARIABLE}={forced} is set" if (forced := choice.forced()) else "the fastest available"
    return Table.facts(
        "kernels: what computes the neurons, fastest last",
        {name: f"{kernel.summary}: {state(name)}" for name, kernel in choice.KERNELS.items()},
        (
            *(f"In use on {device}: {name} ({reason})." for device, name in used.items()),
            f"To force one: {choice.VARIABLE}={'|'.join(choice.KERNELS)}",
        ),
    )


def _settings(experiment: Any) -> dict[str, str]:
    """Method, data, and every setting under the name by which the command line overrides it."""
    from colliculus.files.documents import flat
    from colliculus.runs.document import experiment_to_plain

    settings = flat(experiment_to_plain(experiment))
    names = {"method": settings.pop("method.name"), "data": settings.pop("data.name")}
    shown = {
        f"--{key.replace('_', '-')}": " ".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in settings.items()
    }
    return names | shown
