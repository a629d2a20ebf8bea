"""House rules on rooms and sizes: where a line goes, and how much stands in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import pytest

MOST_LINES = {"file": 300, "function": 60}
NOT_A_ROOM = {"utils", "util", "common", "helpers", "helper", "configs", "registry", "misc", "tools"}


def nameless_rooms(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if bad := NOT_A_ROOM.intersection(PurePath(name).with_suffix("").parts):
            yield f"{name}: {bad.pop()!r} says nothing of what it holds; move its lines to the rooms they serve"


def rooms_without_a_door(names: Sequence[str]) -> Iterator[str]:
    for room in sorted({PurePath(name).parent for name in names}):
        if str(room / "__init__.py") not in names:
            yield f"{room}: add an __init__.py that tells in one line what the room holds"


def oversized(name: str, text: str) -> Iterator[str]:
    if (lines := len(text.splitlines())) > MOST_LINES["file"]:
        yield f"{name}: {lines} lines, at most {MOST_LINES['file']}; split it by concept"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            # the docstring is for the reader of the docs and may be long: only the code behind it counts
            code = node.body[1:] if ast.get_docstring(node) else node.body
            lines = node.end_lineno - code[0].lineno + 1 if code else 0
            if lines > MOST_LINES["function"]:
                yield f"{name}:{node.lineno}: {node.name} has {lines} lines, at most {MOST_LINES['function']}; split it"


def test_rooms_are_named_for_what_they_hold(modules) -> None:
    broken = list(nameless_rooms([module.name for module in modules]))
    assert not broken, "\n".join(broken)


def test_every_room_is_a_package(modules) -> None:
    broken = list(rooms_without_a_door([module.name for module in modules]))
    assert not broken, "\n".join(broken)


def test_files_and_functions_are_short(modules) -> None:
    broken = [line for module in modules for line in oversized(module.name, module.text)]
    assert not broken, "\n".join(broken)


def test_a_name_means_one_class(modules) -> None:
    homes: dict[str, list[str]] = {}
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and node.name != "Options":  # each verb has its own
                homes.setdefault(node.name, []).append(module.name)
    broken = [f"{name}: {', '.join(files)}; rename all but one" for name, files in homes.items() if len(files) > 1]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("name", ["utils.py", "data/common.py", "helpers/shapes.py"])
def test_a_nameless_room_is_noticed(name: str) -> None:
    assert list(nameless_rooms([name, "data/loading.py"])) == list(nameless_rooms([name])) != []


def test_a_missing_door_is_noticed() -> None:
    assert [line.split(":")[0] for line in rooms_without_a_door(["__init__.py", "data/loading.py"])] == ["data"]


@pytest.mark.parametrize(("length", "noticed"), [(60, 0), (61, 1), (301, 2)])
def test_length_is_noticed(length: int, noticed: int) -> None:
    assert len(list(oversized("a.py", 'def f():\n    """Doc."""\n' + "    pass\n" * length))) == noticed
