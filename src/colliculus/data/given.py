"""The settings of data that were given to a training as Python objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NoReturn

from colliculus.data.dataset import Normalisation
from colliculus.types import ColliculusError, DataSpec


@dataclass(frozen=True, kw_only=True)
class Given:
    """Data given as Python objects, as in `fit(experiment, data)`: a run records that they were, not what they were."""

    name: ClassVar[str] = "given"

    def load(self, normalisation: Normalisation | None = None) -> NoReturn:  # noqa: ARG002
        """Nothing says where the data are.

        Raises:
            ColliculusError: always; it says how to give them.
        """
        raise ColliculusError(
            "the data of this experiment are Python objects: pass them, as in fit(experiment, data=...) or "
            "load(path, data=...)"
        )

    def reader(self, spec: DataSpec) -> NoReturn:  # noqa: ARG002
        """No kind of file is known to hold such data.

        Raises:
            ColliculusError: always.
        """
        raise ColliculusError("a run on data given in Python reads no files: predict tensors instead")
