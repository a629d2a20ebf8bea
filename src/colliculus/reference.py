"""Checkpoints of the released S-CMRL program: `colliculus.reference.from_state_dict`, `import_run`, and back."""

from __future__ import annotations

from colliculus.export.reference import (
    fill,
    from_state_dict,
    keep_unused,
    parameter_names,
    to_state_dict,
    unused_parameters,
)
from colliculus.export.reference_methods import recognise
from colliculus.export.reference_names import layer_names
from colliculus.export.reference_runs import export_run, import_run
from colliculus.export.reference_settings import ReferenceSettings

__all__ = [
    "ReferenceSettings",
    "export_run",
    "fill",
    "from_state_dict",
    "import_run",
    "keep_unused",
    "layer_names",
    "parameter_names",
    "recognise",
    "to_state_dict",
    "unused_parameters",
]
