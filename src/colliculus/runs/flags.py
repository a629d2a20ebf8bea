"""Settings as the flags of `colliculus train`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from colliculus.files.addresses import from_anywhere


def changed(settings: Any, start: Any, prefix: str = "") -> dict[str, Any]:
    """Settings, however nested, that `start` does not have or has with another value, by their command-line names.

    Example:
        >>> from colliculus.presets import preset
        >>> start = preset("late-fusion-synthetic")
        >>> changed(preset("late-fusion-synthetic", **{"train.batch_size": 8}), start)
        {'train.batch-size': 8}
    """
    found: dict[str, Any] = {}
    for field in fields(settings):
        if not field.compare:  # the name of the preset is not a setting
            continue
        name, value = prefix + field.name.replace("_", "-"), getattr(settings, field.name)
        before = getattr(start, field.name, ...)
        if is_dataclass(value):
            found |= changed(value, before, f"{name}.")
        elif value != before:
            found[name] = value
    return found


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Settings by their command-line names as arguments of `colliculus train`.

    Example:
        >>> flags({"train.snr-db": {"audio": 0, "visual": -10}, "method.alignment": False})
        ['--train.snr-db', 'audio', '0', 'visual', '-10', '--method.no-alignment']
    """
    return [word for key, value in settings.items() for word in flag(key, value)]


def flag(key: str, value: Any) -> list[str]:
    """One setting as arguments of `colliculus train`."""
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
    return [from_anywhere(value) if isinstance(value, Path) else str(value)]
