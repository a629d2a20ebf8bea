"""Settings of trainings that are started from other verbs: words of the command line to typed values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from shlex import split
from typing import TYPE_CHECKING, Any

from colliculus.cli.options import parse, value_of

if TYPE_CHECKING:
    from colliculus.runs.experiment import Experiment


def split_flags(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Arguments of the verb, before the first `--`, and flags of every training, behind it.

    Example:
        >>> split_flags(["late-fusion-synthetic", "--", "--train.epochs", "3"])
        (['late-fusion-synthetic'], ['--train.epochs', '3'])
    """
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:place], arguments[place + 1 :]


def read_overrides(presets: Sequence[str], flags: Sequence[str]) -> dict[str, Any]:
    """Settings that flags of `colliculus train` change in any of the presets, by dotted name.

    Example:
        >>> read_overrides(["late-fusion-synthetic"], ["--train.epochs", "3", "--data.tactile"])
        {'data.tactile': True, 'train.epochs': 3}
    """
    from colliculus.presets import preset
    from colliculus.runs.flags import changed

    found: dict[str, Any] = {}
    for name in presets if flags else ():
        found |= changed(_read(name, flags), preset(name))
    return found


def read_values(presets: Sequence[str], chosen: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Values of `--set`, such as ("method.alpha", "0.25,0.5"), by setting and by their text.

    Example:
        >>> read_values(["s-cmrl-synthetic"], [("method.alpha", "0.25,0.5")])
        {'method.alpha': {'0.25': 0.25, '0.5': 0.5}}
    """
    found: dict[str, dict[str, Any]] = {}
    for key, texts in chosen:
        name = key.removeprefix("--")
        found.setdefault(name, {}).update({text: _value(presets, name, text) for text in texts.split(",")})
    return found


def read_space(presets: Sequence[str], chosen: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Ranges and values of `--set` in a search.

    Example:
        >>> chosen = [("train.learning_rate", "1e-4..1e-2:log"), ("method.alpha", "0.25,0.5")]
        >>> read_space(["s-cmrl-synthetic"], chosen)["train.learning_rate"]
        Range(low=0.0001, high=0.01, log=True)
    """
    from colliculus.sweeps.space import Range

    ranges = {key.removeprefix("--"): found for key, text in chosen if (found := Range.parse(text)) is not None}
    return {**read_values(presets, [pair for pair in chosen if Range.parse(pair[1]) is None]), **ranges}


def start_of(experiment: Experiment[Any, Any], flags: Sequence[str]) -> Experiment[Any, Any]:
    """The experiment that flags of `colliculus train` change: a kind of neuron takes away defaults it does not read.

    Example:
        >>> from colliculus.presets import preset
        >>> start_of(preset("misnet-synthetic"), ["--method.neuron.kind", "relu"]).method.neuron.reset
        'hard'
    """
    from colliculus.runs.neuron_kind import ready_for_kind

    return replace(experiment, method=ready_for_kind(experiment.method, value_of([*flags], "--method.neuron.kind")))


def _value(presets: Sequence[str], key: str, text: str) -> Any:
    """The typed value of a setting in the first preset that has it; the text where none has it."""
    from colliculus.presets import preset
    from colliculus.runs.flags import flag
    from colliculus.sweeps.space import setting

    for name in presets:
        try:
            before = setting(preset(name), key)
        except (AttributeError, KeyError):
            continue
        switch = isinstance(before, bool) and text.lower() in ("true", "false")
        return setting(_read(name, flag(key, text.lower() == "true") if switch else [f"--{key}", *split(text)]), key)
    return text


def _read(name: str, flags: Sequence[str]) -> Any:
    """The experiment that `colliculus train NAME FLAGS...` trains."""
    from colliculus.presets import preset
    from colliculus.runs.experiment import Experiment

    start = start_of(preset(name), flags)
    return parse(Experiment[type(start.method), type(start.data)], "train", list(flags), start)
