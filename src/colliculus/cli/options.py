"""Reading a command line: `tyro` over a frozen dataclass, the string under each field being its help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from colliculus.records import Record, console
from colliculus.records.console import is_main_rank
from colliculus.types import ColliculusError

OptionsT = TypeVar("OptionsT")
SettingsT = TypeVar("SettingsT")

Settings = Annotated[SettingsT, tyro.conf.arg(name="")]
"""A field whose settings appear as --method.dim and not as --settings.method.dim."""

Switch = tyro.conf.FlagCreatePairsOff[bool]
"""An option that is given or not, without a --no- form."""


class Paths(tuple[Path, ...]):
    """Paths, in a class of its own: to look into `tuple[Path, ...]`, tyro imports typeguard, which takes 0.1 s."""

    __slots__ = ()


Files = Annotated[
    Paths,
    tyro.conf.Positional,
    tyro.conf.arg(metavar="FILE|FOLDER ..."),
    PrimitiveConstructorSpec[Paths](
        nargs="*",
        metavar="FILE|FOLDER ...",
        instance_from_str=lambda words: Paths(map(Path, words)),
        is_instance=lambda found: isinstance(found, Paths),
        str_from_instance=lambda paths: [*map(str, paths)],
    ),
]
"""Files of clips, or folders of them."""

RunFolder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
"""The folder that `colliculus train ... --out` wrote."""


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """Options of a verb that prints a record."""

    json: Switch = False
    """print one JSON object"""

    def show(self, found: Record, *lines: str, **more: object) -> None:
        """Print a record: as tables with lines below, or as one JSON object after more values."""
        if self.json:
            console.show_json(more | found.to_dict())
        else:
            console.show(found.table(), *lines)


@dataclass(frozen=True, kw_only=True)
class RunOptions(RecordOptions, Generic[SettingsT]):
    """Options of a verb that measures a trained run on data, by default its own."""

    run: RunFolder
    """folder of the run"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    data: SettingsT
    """the data to measure on"""


@dataclass(frozen=True, kw_only=True)
class PartOptions(RunOptions[SettingsT]):
    """The same for one part of the data."""

    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""


@dataclass(frozen=True, kw_only=True)
class NoSettings:
    """Stands for a preset's or run's settings while none is named, as in `colliculus train --help`."""


def parse(
    options: type[OptionsT], verb: str, arguments: list[str], default: OptionsT = tyro.MISSING_NONPROP
) -> OptionsT:
    """Read `arguments`; a mistake prints what was wrong and the nearest right name, and exits with code 2.

    Args:
        options: frozen dataclass of everything the verb takes.
        verb: for the usage line.
        arguments: what follows the verb.
        default: values of options that are not given.
    """
    return tyro.cli(
        options,
        prog=f"colliculus {verb}",
        args=arguments,
        default=default,
        console_outputs=is_main_rank(),
    )


def parse_for_run(options: type[OptionsT], verb: str, arguments: list[str]) -> OptionsT:
    """Read the arguments of a verb about a trained run, whose `data` are by default those of the run.

    Args:
        options: frozen dataclass of everything the verb takes, generic in the settings of the data, with the fields
            `run` and `data`.
        verb: for the usage line.
        arguments: what follows the verb.

    Raises:
        ColliculusError: the folder is not a run folder, or options come before it.
    """
    generic = cast("Any", options)
    folder = Path(leading_name(arguments, generic[NoSettings], verb, f"colliculus {verb} RUN [options]"))

    from colliculus.runs.run import read_run

    data = read_run(folder).experiment.data
    return parse(generic[type(data)], verb, arguments, generic(run=tyro.MISSING, data=data))


def value_of(arguments: list[str], option: str) -> str | None:
    """The value of an option that decides the defaults of others, the last one as in parsing; None without one.

    Example:
        >>> value_of(["--recipe", "pmr", "--out", "run"], "--recipe")
        'pmr'
        >>> value_of(["--recipe=pmr", "--recipe=agm"], "--recipe")
        'agm'
    """
    found = None
    for place, argument in enumerate(arguments):
        word, equals, value = argument.partition("=")
        if word == option:
            found = value if equals else next(iter(arguments[place + 1 :]), None)
    return found


def leading_name(arguments: list[str], general: type[object], verb: str, usage: str) -> str:
    """The first argument after the verb, which decides the settings: a preset or a run.

    Without it, the general help (or an error) is printed and the program exits.

    Args:
        arguments: what follows the verb.
        general: the verb's options without settings.
        verb: for the usage line.
        usage: how the verb is called, for the sentence.

    Raises:
        ColliculusError: options stand before the name.
    """
    if arguments and not arguments[0].startswith("-"):
        return arguments[0]
    if not arguments or not {"-h", "--help"}.isdisjoint(arguments):
        parse(general, verb, arguments)
    raise ColliculusError(f"the name comes before the options: {usage}")
