"""An experiment as plain values and back: what `run.yaml` holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colliculus.data import DATASETS
from colliculus.data.former_folder import FormerFolder
from colliculus.data.given import Given
from colliculus.files.documents import Document, as_document, from_plain, to_plain
from colliculus.methods import METHODS
from colliculus.plugins import Parts
from colliculus.runs.experiment import Experiment, Method, TrainSettings
from colliculus.runs.own_method import is_own, own_from_plain, own_to_plain
from colliculus.types import ColliculusError, unknown_name

_READABLE: Parts[type[Any]] = Parts("datasets", {**DATASETS.own, **{each.name: each for each in (FormerFolder, Given)}})
"""Settings of data that a run may name; those of a package are imported by the runs that name them alone."""


def experiment_to_plain(experiment: Experiment[Any, Any]) -> Document:
    """An experiment as plain values: method and data by name with their settings."""
    method = experiment.method
    name = getattr(method, "name", "")
    ours = name in METHODS and METHODS[name] is type(method)
    return {
        "method": {"name": method.name, **to_plain(method)} if ours else own_to_plain(method),
        "data": {"name": experiment.data.name, **to_plain(experiment.data)},
        "train": to_plain(experiment.train),
    }


def experiment_from_plain(plain: object, method: Method | None = None) -> Experiment[Any, Any]:
    """The inverse of `experiment_to_plain`.

    Args:
        plain: what it gave.
        method: method to use instead of the recorded one.

    Raises:
        ColliculusError: a name, key or value is unknown.
    """
    parts = as_document(plain)
    if set(parts) != {"method", "data", "train"}:
        raise ColliculusError(f"an experiment has the keys method, data and train, and not {', '.join(parts)}")
    return Experiment(
        method=_method(parts["method"]) if method is None else method,
        data=_named(parts["data"], _READABLE, "dataset"),
        train=from_plain(parts["train"], TrainSettings),
    )


def _method(plain: object) -> Any:
    fields = as_document(plain)
    return own_from_plain(fields) if is_own(fields.get("name")) else _named(fields, METHODS, "method")


def _named(plain: object, table: Mapping[str, type[Any]], what: str) -> Any:
    fields = as_document(plain)
    if (name := fields.pop("name", None)) not in table:
        raise unknown_name(what, str(name), table)
    return from_plain(fields, table[name])
