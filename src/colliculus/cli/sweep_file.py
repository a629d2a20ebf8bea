"""A sweep written down: a YAML file that stands for a command line."""

from __future__ import annotations

from pathlib import Path
from shlex import split
from typing import Any, cast

import yaml

from colliculus.types import ColliculusError


def read_sweep(path: Path) -> tuple[list[str], list[str]]:
    """The arguments of `colliculus sweep` that a file stands for, and the flags of every training.

    `presets` is a list, `set` a mapping of settings to lists of values, `train` a mapping of settings to one value
    each; any other key is an option of the same name, which is checked with the command line.

    Raises:
        ColliculusError: the file is no such mapping.
    """
    try:
        document: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ColliculusError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    options = _mapping(document, path)
    presets, grid = options.pop("presets", []), _mapping(options.pop("set", {}), path)
    flags = _mapping(options.pop("train", {}), path)
    if not isinstance(presets, list):
        raise ColliculusError(f"{path}: presets is a list of names")
    written = [str(name) for name in cast("list[Any]", presets)]
    for key, values in grid.items():
        if not isinstance(values, list):
            raise ColliculusError(f"{path}: set holds a list of values for each setting, and {key} has {values!r}")
        written += ["--set", key, ",".join(str(value) for value in cast("list[Any]", values))]
    for key, value in options.items():
        written += [f"--{key}", *split(str(value))]
    return written, [part for key, value in flags.items() for part in (f"--{key}", *split(str(value)))]


def _mapping(value: object, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ColliculusError(f"{path}: names with values were expected where {value!r} stands")
    return {str(key): inner for key, inner in cast("dict[object, Any]", value).items()}
