"""A sweep as a YAML file, which stands for a command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import join, split
from typing import Any, cast

from colliculus.files.plain import parse_yaml, read_text, short
from colliculus.runs.flags import flag, words
from colliculus.types import ColliculusError, unknown_name


def read_sweep(path: Path, options: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """Arguments of `colliculus sweep` for which a file stands, and the flags of every training.

    `presets` is a list, `set` maps settings to lists of values, `train` maps settings to one value each; any other key
    is an option of the same name. A value is a word, several words as on the command line, a number, true or false,
    null, or a list or mapping of these.

    Args:
        path: YAML file.
        options: options of the sweep with their defaults.

    Raises:
        ColliculusError: the file is not such a mapping; the message names the key.
    """
    try:
        document = parse_yaml(read_text(path))
    except ColliculusError as error:
        raise ColliculusError(f"{path} is not a YAML file of a sweep: {error}") from error
    found = dict(_mapping(document, str(path)))
    presets, grid = found.pop("presets", []), _mapping(found.pop("set", {}), f"{path}: set")
    flags = _mapping(found.pop("train", {}), f"{path}: train")
    if not isinstance(presets, list):
        raise ColliculusError(f"{path}: presets must be a list of names")
    arguments = _words(cast("list[Any]", presets), f"{path}: presets")
    for key, values in grid.items():
        place = f"{path}: set: {key}"
        if not isinstance(values, list) or not values:
            raise ColliculusError(f"{place} must be a list of values, not {short(values)}")
        arguments += [part for value in cast("list[Any]", values) for part in ("--set", key, _value(value, place))]
    for key, value in found.items():
        arguments += _option(key, value, options, path)
    return arguments, [part for key, value in flags.items() for part in _setting(key, value, f"{path}: train: {key}")]


def _words(value: object, place: str) -> list[str]:
    """A value of YAML as words of a command line; text is split as a shell splits it."""
    if isinstance(value, str):
        try:
            return split(value)
        except ValueError as error:
            raise ColliculusError(f"{place} is {short(value)}, with a quotation that does not end") from error
    parts = cast("Any", list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [])
    if nested := [part for part in parts if isinstance(part, list | dict)]:
        raise ColliculusError(f"{place} holds {short(nested[0])} within a list or mapping: give plain values")
    return words(value)


def _value(value: object, place: str) -> str:
    """One value of `--set`, where commas separate values."""
    text = value if isinstance(value, str) else join(_words(value, place))
    if "," in text:
        raise ColliculusError(
            f"{place} holds {short(value)}: give values with a comma between them as items of the list"
        )
    return text


def _option(key: str, value: object, options: Mapping[str, object], path: Path) -> list[str]:
    name = key.replace("-", "_")
    if name not in options:
        raise ColliculusError(f"{path}: {unknown_name('option', key, [*options, 'train'])}")
    if isinstance(options[name], bool):
        if not isinstance(value, bool):
            raise ColliculusError(f"{path}: {key} must be true or false, not {short(value)}")
        return [f"--{key}"] if value else []
    if value is None:
        return []
    if isinstance(value, str) and not isinstance(options[name], tuple):  # the name of a folder may have blanks
        return [f"--{key}", value]
    return [f"--{key}", *_words(value, f"{path}: {key}")]


def _setting(key: str, value: object, place: str) -> list[str]:
    if "." not in key:
        raise ColliculusError(f"{place} is not a setting: give its full name, such as method.dim")
    return flag(key, value) if isinstance(value, bool) else [f"--{key}", *_words(value, place)]


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ColliculusError(f"{place}: expected names with values, got {short(value)}")
    return cast("dict[str, Any]", value)
