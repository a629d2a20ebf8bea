"""The command line that trains an experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colliculus.runs.experiment import Experiment
    from colliculus.runs.run import Run


def train_command(run: Run, folder: Path) -> str:
    """`colliculus train` with the preset and every setting that differs from it.

    Args:
        run: what was run.
        folder: folder for --out.

    Returns:
        One line for a shell; a comment where the run was not trained from a preset.
    """
    from colliculus.presets import PRESETS

    if run.preset not in PRESETS:
        return f"# {run.preset} is not a preset of this version: {folder} was imported, or trained by another version"
    return join(["colliculus", "train", run.preset, "--out", str(folder), *train_flags(run.experiment, run.preset)])


def train_flags(experiment: Experiment[Any, Any], preset: str) -> list[str]:
    """Flags by which `colliculus train PRESET` trains an experiment: one for each setting that differs.

    Example:
        >>> from colliculus.presets import PRESETS
        >>> from colliculus.runs.experiment import replaced
        >>> start = PRESETS["s-cmrl-synthetic"].experiment
        >>> changed = replaced(start, {"train.snr_db": {"audio": 0.0}, "method.alignment": False})
        >>> train_flags(changed, "s-cmrl-synthetic")
        ['--method.no-alignment', '--train.snr-db', 'audio', '0.0']
    """
    from colliculus.presets import PRESETS

    start = PRESETS[preset].experiment
    return [word for key, value in changed(experiment, start).items() for word in flag(key, value)]


def changed(experiment: Experiment[Any, Any], start: Experiment[Any, Any]) -> dict[str, Any]:
    """Settings of `experiment` that `start` does not have, or has with another value, by dotted name.

    Example:
        >>> from colliculus.presets import preset
        >>> start = preset("late-fusion-synthetic")
        >>> changed(preset("late-fusion-synthetic", **{"train.batch_size": 8}), start)
        {'train.batch-size': 8}
    """
    parts = ("method", "data", "train")
    before = dict(pair for part in parts for pair in settings(getattr(start, part), f"{part}."))
    after = dict(pair for part in parts for pair in settings(getattr(experiment, part), f"{part}."))
    return {key: value for key, value in after.items() if key not in before or before[key] != value}


def settings(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of nested settings, with the name by which the command line overrides it.

    Example:
        >>> from colliculus.runs.experiment import TrainSettings
        >>> dict(settings(TrainSettings(epochs=3), "train."))["train.epochs"]
        3
    """
    for field in fields(value):
        if not field.compare:  # the name of the preset is not a setting
            continue
        inner, name = getattr(value, field.name), prefix + field.name.replace("_", "-")
        if is_dataclass(inner):
            yield from settings(inner, f"{name}.")
        else:
            yield name, inner


def flag(key: str, value: Any) -> list[str]:
    """A setting as arguments of `colliculus train`.

    Example:
        >>> flag("train.snr-db", {"audio": 0, "visual": -10}), flag("method.alignment", False)
        (['--train.snr-db', 'audio', '0', 'visual', '-10'], ['--method.no-alignment'])
    """
    if isinstance(value, bool):
        part, dot, name = key.rpartition(".")
        return [f"--{key}" if value else f"--{part}{dot}no-{name}"]
    return [f"--{key}", *words(value)]


def words(value: Any) -> list[str]:
    """A value as the words that stand for it on a command line.

    Example:
        >>> words({"visual": -10}), words((1, (2.5, None))), words(True), words("a b")
        (['visual', '-10'], ['1', '2.5', 'None'], ['true'], ['a b'])
    """
    if isinstance(value, Mapping):
        return [word for pair in value.items() for part in pair for word in words(part)]
    if isinstance(value, tuple | list):
        return [word for part in value for word in words(part)]
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(value.absolute() if isinstance(value, Path) else value)]
