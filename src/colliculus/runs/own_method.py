"""Methods from outside this package in `run.yaml`: recorded by the place of their class and their settings."""

from __future__ import annotations

import sys
from dataclasses import is_dataclass
from typing import Any, cast

from colliculus.files.documents import Document, as_document, from_plain, to_plain
from colliculus.runs.experiment import Method
from colliculus.types import ColliculusError

_PARTS = ("model", "objective", "modulator")


def is_own(name: object) -> bool:
    """True for the recorded name of a class outside this package, "module:Class"."""
    return isinstance(name, str) and ":" in name


def own_to_plain(method: Method) -> Document:
    """The place of a method's class, and its settings as far as they are plain values.

    Example:
        >>> class Late:
        ...     def __init__(self, dim): self.dim = dim
        >>> own_to_plain(Late(8))["name"].endswith(":Late")
        True
    """
    settings = to_plain(method) if is_dataclass(method) else {}
    plain = {name: value if _is_plain(value) else repr(value) for name, value in settings.items()}
    return {"name": f"{type(method).__module__}:{type(method).__qualname__}", **plain}


def own_from_plain(plain: Document) -> Method:
    """The method that `own_to_plain` recorded. Nothing is imported: a run folder of a stranger must not run code.

    Raises:
        ColliculusError: the module of its class is not imported yet, has no such method, or the settings are not those
            of a dataclass.
    """
    place, settings = plain["name"], {name: value for name, value in plain.items() if name != "name"}
    module, _, qualified = place.partition(":")
    remedy = f"as in colliculus.load(path, method={qualified}(...))"
    if (found := cast("Any", sys.modules.get(module))) is None:
        raise ColliculusError(
            f"the method {qualified} is of the module {module}, which is not imported: import it first, or pass the "
            f"method, {remedy}"
        )
    for name in qualified.split("."):
        found = getattr(found, "__dict__", {}).get(name)  # not an attribute: a module may import to make one
    try:
        if not (isinstance(found, type) and is_dataclass(found) and all(hasattr(found, part) for part in _PARTS)):
            raise ColliculusError("it is not a dataclass with model, objective and modulator")
        return cast("Method", from_plain(as_document(settings), found))
    except ColliculusError as error:
        raise ColliculusError(
            f"the method {qualified} of module {module} cannot be made from run.yaml ({error}): pass it, {remedy}"
        ) from error


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, cast("Document", value).values()))
    if isinstance(value, list):
        return all(map(_is_plain, cast("list[object]", value)))
    return value is None or isinstance(value, str | int | float)
