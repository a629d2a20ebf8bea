"""The reference: every public name, every verb and every preset, read off the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import helptext
import settings

import colliculus

MODULE = """# {name}

```{{eval-rst}}
.. automodule:: colliculus.{name}
   :exclude-members: {apart}
```

{also}
"""
"""The page of a public module; names that have a page of their own are not explained twice."""

NAME = """# {name}

```{{eval-rst}}
.. auto{kind}:: colliculus.{name}
```
"""
"""The page of a public name."""


def pages() -> dict[str, str | bytes]:
    """Every page of the reference by its path on the site."""
    return {
        **{f"reference/python/{name}.md": text for name, text in _names()},
        "reference/python/index.md": _index_of_names(),
        **helptext.pages(),
        **settings.pages(),
    }


def _names() -> Iterator[tuple[str, str]]:
    for name in colliculus.__all__:
        thing = getattr(colliculus, name)
        if isinstance(thing, ModuleType):
            apart = [other for other in getattr(thing, "__all__", ()) if other in colliculus.__all__]
            also = ", ".join(f"[{other}]({other}.md)" for other in apart)
            text = MODULE.format(name=name, apart=", ".join(apart), also=also and f"On pages of their own: {also}.")
        else:
            text = NAME.format(name=name, kind="class" if inspect.isclass(thing) else "function")
        yield name, text


def _index_of_names() -> str:
    """A table of the public names of each package, in the first lines of their docstrings."""
    rooms: dict[str, list[str]] = {}
    for name in colliculus.__all__:
        thing = getattr(colliculus, name)
        home = colliculus._HOMES[name][0]  # noqa: SLF001 - the one table of them
        room = "" if isinstance(thing, ModuleType) else home.split(".")[1]
        rooms.setdefault(room, []).append(f"| [{name}]({name}.md) | {first_line(thing)} |")
    lines = ["# Python", "", "`import colliculus as cl` offers these names, each with an example."]
    for room, rows in sorted(rooms.items(), key=lambda item: (not item[0], item[0])):
        about = first_line(import_module(f"colliculus.{room}")) if room else "Whole packages, for parts of your own."
        lines += ["", f"## {room or 'packages'}", "", about, "", "| name | |", "|---|---|", *rows]
    files = "\n".join(f"{name} <{name}>" for name in sorted(colliculus.__all__, key=str.lower))
    return "\n".join(lines) + f"\n\n```{{toctree}}\n:hidden:\n\n{files}\n```\n"


def first_line(thing: object) -> str:
    """First line of a docstring, for a cell of a table."""
    line = (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ")
    return re.sub(r"([|<*\[])", r"\\\1", line)
