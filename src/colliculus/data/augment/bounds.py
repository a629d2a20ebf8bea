"""Range checks of augmentation settings."""

from __future__ import annotations

from math import inf

from colliculus.types import ColliculusError


def check_share(name: str, value: float) -> None:
    """Check that a value is a probability or a share.

    Raises:
        ColliculusError: `value` lies outside 0..1.
    """
    if not 0 <= value <= 1:
        raise ColliculusError(f"{name} is {value}: choose 0 to 1")


def check_range(name: str, value: tuple[float, float], *, least: float = -inf, most: float = inf) -> None:
    """Check that a range is ascending and within (`least`, `most`].

    Raises:
        ColliculusError: it is not.
    """
    low, high = value
    if not least < low <= high <= most:
        bounds = f" above {least:g}" * (least > -inf) + f" up to {most:g}" * (most < inf)
        raise ColliculusError(f"{name} goes from {low} to {high}: give the smaller number first, both{bounds}")
