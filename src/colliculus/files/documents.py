"""Settings as plain values and back, and the YAML files that hold them. Keys and types are checked when read."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import cattrs
import yaml
from cattrs.errors import ClassValidationError, IterableValidationError

from colliculus.files.addresses import from_anywhere
from colliculus.files.atomic import write_atomic
from colliculus.files.plain import parse_yaml, read_text, short
from colliculus.types import ColliculusError

Document = dict[str, Any]
"""Nested mappings, lists, strings, numbers, booleans and None."""

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
        ColliculusError: a key is unknown or missing, or a value has the wrong type; the message says where.

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
        raise ColliculusError(f"expected {kind.__name__} and found {short(plain)}") from error


def as_document(plain: object) -> Document:
    """A copy of `plain` after a check that it is a mapping.

    Raises:
        ColliculusError: it is not a mapping.
    """
    if not isinstance(plain, dict):
        raise ColliculusError(f"expected names with values and found {short(plain)}")
    return dict(cast("Document", plain))


def flat(document: Document) -> Document:
    """Nested values under dotted keys.

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


def differences(before: Document, now: Document) -> dict[str, tuple[Any, Any]]:
    """Old and new value of every dotted key in which two documents differ; None for a key that one of them lacks.

    Example:
        >>> differences({"train": {"epochs": 3, "seed": 0}}, {"train": {"epochs": 5, "seed": 0}})
        {'train.epochs': (3, 5)}
    """
    old, new = flat(before), flat(now)
    return {key: (old.get(key), new.get(key)) for key in old | new if old.get(key) != new.get(key)}


def write_document(path: Path, document: Document) -> None:
    """Write a document as YAML, atomically. Its key "format" holds the number of its layout.

    Raises:
        ColliculusError: the file cannot be written.
    """
    write_atomic(path, yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True).encode())


def read_document(path: Path, *, newest: int, remedy: str) -> Document:
    """Read a document that `write_document` wrote.

    Args:
        path: the YAML file.
        newest: highest format number that the caller can read.
        remedy: advice for a file that is absent or damaged, such as "train again".

    Raises:
        ColliculusError: the file cannot be read, is damaged, or has a higher format number.
    """
    try:
        document = as_document(parse_yaml(read_text(path)))
        number = from_plain(document.get("format"), int)
    except OSError as error:
        raise ColliculusError(f"{path} cannot be read ({error.strerror}): {remedy}") from error
    except ValueError as error:
        raise ColliculusError(
            f"{path} is damaged, it holds no document with a format number: {remedy} ({error})"
        ) from error
    if number > newest:
        raise ColliculusError(
            f"{path} has format {number} and colliculus {package_version()} reads formats up to {newest}: upgrade it"
        )
    return document


def package_version(package: str = "colliculus") -> str:
    """Version of an installed package for a document; "unknown" if it runs from its sources."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's own signature
        """Write a list that occurs twice in full: the reader takes no anchors."""
        return True


@cache  # it learns each class once
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, unstruct_collection_overrides={tuple: list})
    converter.register_unstructure_hook(Path, from_anywhere)  # a run can be used from any folder
    converter.register_unstructure_hook_func(_is_array, lambda array: array.tolist())
    converter.register_structure_hook_func(_is_array, _array)
    for kind in (int, float, str, bool):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(
        float | str, lambda value, _: _exactly(value, str if isinstance(value, str) else float)
    )
    converter.register_structure_hook_func(_is_choice, _choice)
    return converter


def _is_choice(kind: Any) -> bool:
    """True for a union with words among its members, such as `int | Literal["half"] | None`."""
    return get_origin(kind) is Union and any(get_origin(member) is Literal for member in get_args(kind))


def _choice(value: object, kind: Any) -> Any:
    """`value` if it is one of the union's words, None where that is allowed, or a number or string of its types."""
    members = get_args(kind)
    words = [word for member in members if get_origin(member) is Literal for word in get_args(member)]
    if value in words or (value is None and NoneType in members):
        return value
    for member in (member for member in members if member in (int, float, str, bool)):
        with suppress(ValueError):
            return _exactly(value, member)
    raise ValueError(value)


def _is_array(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return (getattr(origin, "__module__", ""), getattr(origin, "__name__", "")) == ("numpy", "ndarray")


def _array(values: object, kind: Any) -> Any:
    """Nested lists as an array of the type that an annotation such as `NDArray[np.float32]` names."""
    import numpy as np  # not above: `colliculus --help` imports this file

    return np.array(values, dtype=get_args(get_args(kind)[1])[0])


def _exactly(value: object, kind: type[Any]) -> Any:
    """Check the type of a number or string: cattrs would turn "3" and 3.7 into 3 silently."""
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise ValueError(value)


def _describe(error: BaseException, kind: type[Any] | None) -> str:
    if isinstance(error, ColliculusError):
        return str(error)
    return cattrs.v.format_exception(error, kind)
