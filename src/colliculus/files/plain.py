"""YAML and JSON from others as plain values, with bounds on their size and depth; and short quotations of values."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import yaml

from colliculus.files.checks import check_file
from colliculus.types import ColliculusError

_MOST_BYTES, _MOST_YAML = 64 * 2**20, 4 * 2**20  # ours are far smaller, and PyYAML reads a megabyte a second
_DEEPEST = 40
_LONGEST = 120
_PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")


def read_text(path: Path) -> str:
    """The text of a file in UTF-8.

    Raises:
        ColliculusError: the file is absent, not a file, empty, too large or not in UTF-8.
        OSError: it cannot be read.
    """
    check_file(path)
    if (size := path.stat().st_size) > _MOST_BYTES:
        raise ColliculusError(f"{path} is too large ({size:,} bytes of text): give the right file")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ColliculusError(f"{path} is not in UTF-8: save it again in UTF-8") from error


def parse_yaml(text: str) -> object:
    """Mappings with names as keys, lists, text, numbers, booleans and None; a date is text.

    Raises:
        ColliculusError: the text is not YAML, or uses anchors, tags, keys that are not text or occur twice, more than
            40 levels or more than 4 MB.

    Example:
        >>> parse_yaml("{train: {epochs: 3}, made: 2024-13-45}")
        {'train': {'epochs': 3}, 'made': '2024-13-45'}
        >>> parse_yaml("[&a 1, *a]")
        Traceback (most recent call last):
        colliculus.types.ColliculusError: line 1 uses an anchor: write the value out
    """
    if len(text) > _MOST_YAML:
        raise ColliculusError(f"it is too large for YAML ({len(text):,} characters): give the right file")
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - it constructs nothing but plain values
    except yaml.YAMLError as error:
        raise ColliculusError(_cut(" ".join(str(error).split()))) from error
    except ValueError as error:  # a number of thousands of digits; ColliculusError is one too
        if isinstance(error, ColliculusError):
            raise
        raise ColliculusError(f"a number cannot be read ({_cut(str(error))}): correct it") from error


def parse_json(text: str) -> Any:
    """Plain values from JSON.

    Raises:
        ColliculusError: the text is not JSON, or is nested too deeply.

    Example:
        >>> parse_json('{"epochs": 3}')
        {'epochs': 3}
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ColliculusError("it is nested too deeply: write it again") from error
    except ValueError as error:
        raise ColliculusError(f"it is not JSON ({_cut(str(error))}): write it again") from error


def short(value: object) -> str:
    """A value in Python's notation, cut after 120 characters.

    Example:
        >>> short("a"), len(short("a" * 1000))
        ("'a'", 124)
    """
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


class _PlainLoader(yaml.SafeLoader):
    """Loader of plain values; `compose_node` and `construct_mapping` are the hooks that PyYAML names for this."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own type
        first: [(tag, pattern) for tag, pattern in found if tag.rpartition(":")[2] in _PLAIN]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = cast("Any", self.peek_event())  # pyright: ignore[reportUnknownMemberType]
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise ColliculusError(f"line {_line(event)} uses an anchor: write the value out")
        if event.tag is not None and event.tag != "!":
            raise ColliculusError(f"line {_line(event)} uses the tag {_cut(event.tag)}: write a plain value")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ColliculusError(f"line {_line(event)} is nested deeper than {_DEEPEST} levels: write it flatter")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names: set[str] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise ColliculusError(f"line {_line(key)} has the key {short(name)}, which is not text: quote it")
            if name in names:
                raise ColliculusError(f"line {_line(key)} has the key {short(name)} a second time: remove one of them")
            names.add(name)
        return super().construct_mapping(node, deep=deep)


def _line(part: Any) -> int:
    return part.start_mark.line + 1
