"""House rule: a public name tells what it does, and shows it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

import colliculus


def undocumented(name: str, thing: object) -> Iterator[str]:
    """What the docstring of a public class or function lacks; an exception needs no example."""
    text = inspect.getdoc(thing) or ""
    if not text:
        yield f"colliculus.{name} needs a docstring"
    exempt = isinstance(thing, type) and issubclass(thing, Exception)
    if not exempt and not ("Example:" in text and ">>>" in text):
        yield f"colliculus.{name} needs an `Example:` with a line of `>>>` in its docstring"


@pytest.mark.parametrize("name", colliculus.__all__)
def test_public_name_is_documented(name: str) -> None:
    thing = getattr(colliculus, name)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        broken = list(undocumented(name, thing))
        assert not broken, "\n".join(broken)


def test_the_public_surface_is_seen() -> None:
    assert set(colliculus.__all__) <= set(dir(colliculus)), "a lazy name must show in dir(colliculus): write __dir__"


def test_silence_is_noticed() -> None:
    def silent() -> None: ...

    def without_example() -> None:
        """Do a thing."""

    assert len(list(undocumented("silent", silent))) == 2
    assert len(list(undocumented("without_example", without_example))) == 1
    assert not list(undocumented("Mistake", type("Mistake", (ValueError,), {"__doc__": "A mistake."})))
