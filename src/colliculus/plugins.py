"""Parts of colliculus from other packages, found by their entry points and imported when they are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Literal, TypeVar

from colliculus.types import ColliculusError

PartT = TypeVar("PartT")

Group = Literal["methods", "datasets", "fusions", "balances", "loggers"]
"""Kinds of parts; the group of entry points of each is "colliculus.KIND"."""


class Parts(Mapping[str, PartT], Generic[PartT]):
    """Parts of one kind by name: those of colliculus, then those of other packages.

    A package offers parts in its `pyproject.toml`: `[project.entry-points."colliculus.methods"]`, and below it lines
    such as `gated = "my_package.gated:Gated"`. The names are known at once. The package is imported when its part is
    asked for, so that it may import colliculus in turn. A name of colliculus itself cannot be taken, and one that two
    packages offer is refused.

    Args:
        group: kind of the parts.
        own: parts of colliculus.

    Example:
        >>> parts = Parts("loggers", {"csv": dict})
        >>> "csv" in parts, parts["csv"]
        (True, <class 'dict'>)
    """

    def __init__(self, group: Group, own: Mapping[str, PartT]) -> None:
        self.group: Group = group
        self.own = own

    @property
    def others(self) -> dict[str, str]:
        """Package of each part from outside, by the name of the part; none of them is imported."""
        return {name: _packages(found) for name, found in _found(self.group).items() if name not in self.own}

    def __getitem__(self, name: str) -> PartT:
        """The part of that name.

        Raises:
            KeyError: no part has that name.
            ColliculusError: its package cannot be imported, or does not have it, or two packages offer it.
        """
        return self.own[name] if name in self.own else _loaded(self.group, name)

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in _found(self.group)

    def __iter__(self) -> Iterator[str]:
        return iter([*self.own, *self.others])

    def __len__(self) -> int:
        return len(self.own) + len(self.others)


@cache
def _found(group: Group) -> dict[str, list[EntryPoint]]:
    """Entry points by name: more than one where packages contradict one another."""
    by_name: dict[str, list[EntryPoint]] = {}
    for found in sorted(entry_points(group=f"colliculus.{group}"), key=lambda one: (one.name, _package(one))):
        by_name.setdefault(found.name, []).append(found)
    return by_name


@cache
def _loaded(group: Group, name: str) -> Any:
    found, *rivals = _found(group)[name]
    if rivals:
        raise ColliculusError(
            f"{name} is the name of a part of the packages {_packages([found, *rivals])}: uninstall one of them"
        )
    try:
        return found.load()
    except Exception as error:
        raise ColliculusError(
            f"{name} of the package {_package(found)} cannot be used, {found.value} fails with {type(error).__name__}:"
            f" {error}; repair or uninstall the package"
        ) from error


def _packages(found: Sequence[EntryPoint]) -> str:
    return " and ".join(map(_package, found))


def _package(found: EntryPoint) -> str:
    return found.dist.name if found.dist is not None else found.module
