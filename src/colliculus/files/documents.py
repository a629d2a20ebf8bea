"""Settings as plain values and back, for YAML files. Every key and every type is checked on the way in."""

from __future__ import annotations

from dataclasses import is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin

import cattrs
from cattrs.errors import ClassValidationError, IterableValidationError

from colliculus.types import ColliculusError

Document = dict[str, Any]
"""Mappings, lists, strings, numbers, booleans and None, nested."""

SettingsT = TypeVar("SettingsT")


def to_plain(settings: object) -> Document:
    """The fields of a settings dataclass as plain values; paths become absolute strings and tuples lists.

    Example:
        >>> from colliculus.media.spectrogram import Spectrogram
        >>> to_plain(Spectrogram(size=(8, 16)))["size"]
        [8, 16]
    """
    return _converter().unstructure(settings)


def from_plain(plain: object, kind: type[SettingsT]) -> SettingsT:
    """A settings dataclass from plain values.

    Raises:
        ColliculusError: a key is unknown or missing, or a value has the wrong type; the sentence says where.

    Example:
        >>> from colliculus.media.spectrogram import Spectrogram
        >>> from_plain({"size": [8, 16]}, Spectrogram).size
        (8, 16)
    """
    try:
        return _converter().structure(as_document(plain) if is_dataclass(kind) else plain, kind)
    except (ClassValidationError, IterableValidationError) as error:
        found = cattrs.transform_error(error, path=kind.__name__, format_exception=_describe)
        raise ColliculusError("; ".join(found)) from error
    except (ValueError, TypeError) as error:
        raise ColliculusError(f"{plain!r} stands where {kind.__name__} is expected") from error


def as_document(plain: object) -> Document:
    """A copy of `plain`, known to be a mapping.

    Raises:
        ColliculusError: it is none.
    """
    if not isinstance(plain, dict):
        raise ColliculusError(f"names with values were expected where {plain!r} stands")
    return dict(cast("Document", plain))


def flat(document: Document) -> Document:
    """The same values under dotted keys.

    Example:
        >>> flat({"train": {"epochs": 3}, "preset": "s-cmrl"})
        {'train.epochs': 3, 'preset': 's-cmrl'}
    """
    values: Document = {}
    for key, value in document.items():
        if isinstance(value, dict) and value:
            values |= {f"{key}.{inner}": deep for inner, deep in flat(cast("Document", value)).items()}
        else:
            values[key] = value
    return values


def package_version(package: str = "colliculus") -> str:
    """Version of an installed package, which a document names; "unknown" when it runs from its sources."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, unstruct_collection_overrides={tuple: list})
    converter.register_unstructure_hook(Path, lambda path: str(path.absolute()))  # a run is used from anywhere
    converter.register_unstructure_hook_func(_is_array, lambda array: array.tolist())
    converter.register_structure_hook_func(_is_array, _array)
    for kind in (int, float, str, bool):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(
        float | str, lambda value, _: _exactly(value, str if isinstance(value, str) else float)
    )
    return converter


def _is_array(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return (getattr(origin, "__module__", ""), getattr(origin, "__name__", "")) == ("numpy", "ndarray")


def _array(values: object, kind: Any) -> Any:
    """Nested lists as an array of the type that an annotation such as `NDArray[np.float32]` names."""
    import numpy as np  # not above: `colliculus --help` imports this file

    return np.array(values, dtype=get_args(get_args(kind)[1])[0])


def _exactly(value: object, kind: type[Any]) -> Any:
    """A number or string as it is: cattrs would turn "3" and 3.7 into 3 without a word."""
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise ValueError(value)


def _describe(error: BaseException, kind: type[Any] | None) -> str:
    if isinstance(error, ColliculusError):
        return str(error)
    return cattrs.v.format_exception(error, kind)
