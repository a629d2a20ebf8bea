"""The settings that a search may choose: ranges of numbers and lists of values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from colliculus.runs.experiment import Experiment, replaced
from colliculus.sweeps.plan import Values, named
from colliculus.types import ColliculusError

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(:log)?")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole numbers for a setting that is a whole number.

    Args:
        low: smallest number.
        high: largest number.
        log: choose evenly on a logarithmic scale.

    Raises:
        ColliculusError: there is no number in it, or it has no logarithm.

    Example:
        >>> Range(1e-4, 1e-2, log=True)
        Range(low=0.0001, high=0.01, log=True)
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ColliculusError(f"the range {self} is empty: give the smaller number first")
        if self.log and self.low <= 0:
            raise ColliculusError(f"the range {self} has no logarithm: begin above 0")

    def __str__(self) -> str:
        return f"{self.low}..{self.high}{':log' if self.log else ''}"

    @classmethod
    def parse(cls, text: str) -> Range | None:
        """The range that a text of the command line stands for; None for another text.

        Example:
            >>> Range.parse("1e-4..1e-2:log"), Range.parse("8..64"), Range.parse("../data")
            (Range(low=0.0001, high=0.01, log=True), Range(low=8, high=64, log=False), None)
        """
        found = _RANGE.fullmatch(text)
        if found is None:
            return None
        low, high = (float(bound) if set(bound) & set(".eE") else int(bound) for bound in found.groups()[:2])
        return cls(low, high, log=found[3] is not None)

    def text(self, number: float) -> str:
        """A number of the range as the words of a command line: whole, or with four digits.

        Example:
            >>> Range(0.0, 1.0).text(0.123456), Range(8, 64).text(12)
            ('0.1235', '12')
        """
        if isinstance(number, int):
            return str(number)
        return f"{min(max(float(f'{number:.4g}'), self.low), self.high):.15g}"


Space = Mapping[str, Range | Mapping[str, Any]]
"""By dotted name of a setting, a range or values by their texts."""


def value_of(chosen: Range | Mapping[str, Any], text: str) -> Any:
    """The value that a text stands for."""
    if isinstance(chosen, Range):
        return int(text) if isinstance(chosen.low, int) else float(text)
    return chosen[text]


def checked_space(experiment: Experiment[Any, Any], settings: Mapping[str, Range | Values]) -> Space:
    """The space with the types of the settings, checked at its bounds and at all of its values.

    Args:
        experiment: settings of all trials.
        settings: a range or values by dotted name.

    Raises:
        ColliculusError: there is no setting, a name is unknown, a value is wrong, or a range is that of a setting that
            is not a number.
    """
    if not settings:
        raise ColliculusError("there is nothing to search: give settings with a range or several values (--set)")
    return {key.replace("-", "_"): _checked(experiment, key, chosen) for key, chosen in settings.items()}


def _checked(experiment: Experiment[Any, Any], key: str, chosen: Range | Values) -> Range | Mapping[str, Any]:
    if not isinstance(chosen, Range):
        values = named(chosen)
        if not values:
            raise ColliculusError(f"{key} has no values: give some, or a range")
        for value in values.values():
            replaced(experiment, {key: value})
        return values
    try:
        low, high = (setting(replaced(experiment, {key: bound}), key) for bound in (chosen.low, chosen.high))
    except ColliculusError as error:
        raise ColliculusError(f"{key} cannot be searched from {chosen.low} to {chosen.high}: {error}") from error
    return replace(chosen, low=low, high=high)


def setting(experiment: Any, key: str) -> Any:
    """Value of a setting by dotted name.

    Raises:
        AttributeError, KeyError: there is no such setting.
    """
    value = experiment
    for name in key.replace("-", "_").split("."):
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def without_ranges(settings: Sequence[tuple[str, str]]) -> None:
    """Refuse ranges where there is no search.

    Raises:
        ColliculusError: a value is a range.
    """
    for key, text in settings:
        if Range.parse(text):
            raise ColliculusError(f"--set {key} {text} is a range: add --search TRIALS, or give values such as 1,2")
