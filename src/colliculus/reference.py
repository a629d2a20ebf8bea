"""The way to and from checkpoints of the released S-CMRL program: `colliculus.reference.from_state_dict` and back."""

from __future__ import annotations

from colliculus.export.reference import (
    fill,
    from_state_dict,
    keep_never_acting,
    never_acting,
    parameter_names,
    to_state_dict,
)
from colliculus.export.reference_methods import recognise
from colliculus.export.reference_names import layer_names
from colliculus.export.reference_settings import ReferenceSettings

__all__ = [
    "ReferenceSettings",
    "fill",
    "from_state_dict",
    "keep_never_acting",
    "layer_names",
    "never_acting",
    "parameter_names",
    "recognise",
    "to_state_dict",
]
