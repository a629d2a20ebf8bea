"""The command line that trains a run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colliculus.runs.run import Run


def train_command(run: Run, folder: Path) -> str:
    """`colliculus train` with the preset and every setting that differs from it.

    Args:
        run: what was run.
        folder: for --out.

    Returns:
        One line for a shell; a remark where the run was not trained from a preset.
    """
    from colliculus.presets import PRESETS

    if run.preset not in PRESETS:
        return f"# {run.preset} is no preset of this version: {folder} was imported, or trained by another one"
    ours = dict(settings(run.experiment))
    theirs = dict(settings(PRESETS[run.preset].experiment))
    words = ["colliculus", "train", run.preset, "--out", str(folder)]
    for name, value in ours.items():
        if name not in theirs or theirs[name] != value:
            words += _flag(name, value)
    return join(words)


def settings(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of nested settings, under the name by which the command line overrides it.

    Example:
        >>> from colliculus.runs.experiment import TrainSettings
        >>> dict(settings(TrainSettings(epochs=3), "train."))["train.epochs"]
        3
    """
    for field in fields(value):
        inner, name = getattr(value, field.name), prefix + field.name.replace("_", "-")
        if is_dataclass(inner):
            yield from settings(inner, f"{name}.")
        else:
            yield name, inner


def _flag(name: str, value: Any) -> list[str]:
    """A setting as words of a command line."""
    if isinstance(value, bool):
        before, dot, last = name.rpartition(".")
        return [f"--{name}" if value else f"--{before}{dot}no-{last}"]
    if isinstance(value, Mapping):
        return [f"--{name}", *(str(word) for pair in value.items() for word in _flattened(pair))]
    if isinstance(value, tuple | list):
        return [f"--{name}", *map(str, _flattened(value))]
    return [f"--{name}", str(value.absolute() if isinstance(value, Path) else value)]


def _flattened(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flattened(value)
        else:
            yield value
