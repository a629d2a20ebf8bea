"""A sweep written down: a YAML file that stands for a command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import join, split
from typing import Any, cast

import yaml

from colliculus.sweeps.plan import setting_flags
from colliculus.types import ColliculusError, unknown_name


def read_sweep(path: Path, options: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """The arguments of `colliculus sweep` that a file stands for, and the flags of every training.

    `presets` is a list, `set` a mapping of settings to lists of values, `train` a mapping of settings to one value
    each; any other key is an option of the same name. A value is a word, several as on the command line, a number, true
    or false, null, or a list or mapping of these.

    Args:
        path: of the file.
        options: those of the sweep, with what each is when it is not given.

    Raises:
        ColliculusError: the file is no such mapping; the sentence names the key.
    """
    try:
        document: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ColliculusError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    found = _mapping(document, str(path))
    presets, grid = found.pop("presets", []), _mapping(found.pop("set", {}), f"{path}: set")
    flags = _mapping(found.pop("train", {}), f"{path}: train")
    if not isinstance(presets, list):
        raise ColliculusError(f"{path}: presets is a list of names")
    written = words(cast("list[Any]", presets), f"{path}: presets")
    for key, values in grid.items():
        place = f"{path}: set: {key}"
        if not isinstance(values, list) or not values:
            raise ColliculusError(f"{place} takes a list of values, not {values!r}")
        written += [part for value in cast("list[Any]", values) for part in ("--set", key, _value(value, place))]
    for key, value in found.items():
        written += _option(key, value, options, path)
    return written, [part for key, value in flags.items() for part in _setting(key, value, f"{path}: train: {key}")]


def words(value: object, place: str) -> list[str]:
    """A value of YAML as it would be written on the command line, one argument each.

    Args:
        value: a plain one, or a list or mapping of plain ones; text is several words where it would be in a shell.
        place: file and key, for a mistake.

    Raises:
        ColliculusError: lists or mappings lie in one another.

    Example:
        >>> words({"visual": -10}, "place"), words([1, 2.5, "a b"], "place"), words("audio 0", "place")
        (['visual', '-10'], ['1', '2.5', 'a b'], ['audio', '0'])
        >>> words(True, "place"), words(None, "place")
        (['true'], ['None'])
    """
    if isinstance(value, str):
        try:
            return split(value)
        except ValueError as error:
            raise ColliculusError(f"{place} is {value!r}, and a quotation in it has no end") from error
    if isinstance(value, dict):
        return [_word(part, place) for pair in cast("dict[Any, Any]", value).items() for part in pair]
    if isinstance(value, list):
        return [_word(part, place) for part in cast("list[Any]", value)]
    return [_word(value, place)]


def _word(value: object, place: str) -> str:
    if isinstance(value, list | dict):
        raise ColliculusError(f"{place} holds {value!r} within a list or mapping: write plain values there")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(value: object, place: str) -> str:
    """One value of `--set`, whose commas stand between values."""
    text = value if isinstance(value, str) else join(words(value, place))
    if "," in text:
        raise ColliculusError(f"{place} holds {value!r}: write values with a comma between them as items of the list")
    return text


def _option(key: str, value: object, options: Mapping[str, object], path: Path) -> list[str]:
    name = key.replace("-", "_")
    if name not in options:
        raise ColliculusError(f"{path}: {unknown_name('option', key, [*options, 'train'])}")
    if isinstance(options[name], bool):
        if not isinstance(value, bool):
            raise ColliculusError(f"{path}: {key} is true or false, and not {value!r}")
        return [f"--{key}"] if value else []
    if value is None:
        return []
    if isinstance(value, str) and not isinstance(options[name], tuple):  # blanks may stand in a folder's name
        return [f"--{key}", value]
    return [f"--{key}", *words(value, f"{path}: {key}")]


def _setting(key: str, value: object, place: str) -> list[str]:
    if "." not in key:
        raise ColliculusError(f"{place} is no setting: write its name in full, such as method.dim")
    plain = {key.replace("-", "_"): value}
    return setting_flags(key, join(words(value, place)), plain)


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ColliculusError(f"{place}: names with values were expected where {value!r} stands")
    return {str(key): inner for key, inner in cast("dict[object, Any]", value).items()}
