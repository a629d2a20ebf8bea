"""The epochs in which a balance acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class EpochRange:
    """Settings of a balance that acts in some epochs.

    Example:
        >>> [EpochRange(first_epoch=2, last_epoch=3).acts_in(epoch, epochs=4) for epoch in range(4)]
        [False, True, True, False]
        >>> [EpochRange(last_epoch="half").acts_in(epoch, epochs=4) for epoch in range(4)]
        [True, True, False, False]
    """

    first_epoch: int = 1
    """First epoch in which it acts."""
    last_epoch: int | Literal["half"] | None = None
    """Last epoch in which it acts; "half" is the middle of the training, and None has no end."""

    def __post_init__(self) -> None:
        self._check(None if self.last_epoch == "half" else self.last_epoch)

    def acts_in(self, epoch: int, *, epochs: int) -> bool:
        """True if an epoch, counted from 0, of that many lies in the range, counted from 1.

        Raises:
            ColliculusError: it would end before it begins.
        """
        last = (epochs + 1) // 2 if self.last_epoch == "half" else self.last_epoch
        self._check(last)
        return self.first_epoch <= epoch + 1 and (last is None or epoch + 1 <= last)

    def _check(self, last: int | None) -> None:
        if self.first_epoch < 1 or (last is not None and last < self.first_epoch):
            raise ColliculusError(
                f"a balance cannot act from `first_epoch` {self.first_epoch} to `last_epoch` {last}: count "
                "from 1, and do not let it end before it begins"
            )
