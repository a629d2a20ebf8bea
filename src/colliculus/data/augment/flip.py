"""Mirror images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colliculus.data.augment.bounds import check_share
from colliculus.data.augment.draws import Draws


def flip(values: NDArray[np.generic], chosen: NDArray[np.bool_]) -> NDArray[np.generic]:
    """Mirror each chosen sample left to right, in all its frames.

    Args:
        values: (B, ..., W).
        chosen: samples to change, (B,).

    Returns:
        A new array; where nothing is chosen, `values`.

    Example:
        >>> flip(np.array([[1, 2], [3, 4]]), np.array([False, True])).tolist()
        [[1, 2], [4, 3]]
    """
    if not chosen.any():
        return values
    flipped = values.copy()
    flipped[chosen] = values[chosen, ..., ::-1]
    return flipped


@dataclass(frozen=True, kw_only=True)
class Flip:
    """Mirror a sample left to right."""

    probability: float = 0.0
    """probability of mirroring a sample"""

    def __post_init__(self) -> None:
        check_share("`probability` of a flip", self.probability)

    def __call__(self, values: NDArray[np.generic], draws: Draws) -> NDArray[np.generic]:
        """Mirror (B, C, H, W) or (B, T, C, H, W)."""
        return flip(values, draws.happens("flip", self.probability)) if self.probability else values
