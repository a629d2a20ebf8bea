"""An experiment as plain values and back: what `run.yaml` holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colliculus.data import DATASETS
from colliculus.data.former_folder import FormerFolder
from colliculus.files.documents import Document, as_document, from_plain, to_plain
from colliculus.methods import METHODS
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.types import ColliculusError, unknown_name


def experiment_to_plain(experiment: Experiment[Any, Any]) -> Document:
    """An experiment as plain values: method and data by name with their settings."""
    return {
        "method": {"name": experiment.method.name, **to_plain(experiment.method)},
        "data": {"name": experiment.data.name, **to_plain(experiment.data)},
        "train": to_plain(experiment.train),
    }


def experiment_from_plain(plain: object) -> Experiment[Any, Any]:
    """The inverse of `experiment_to_plain`.

    Raises:
        ColliculusError: a name, key or value is unknown.
    """
    parts = as_document(plain)
    if set(parts) != {"method", "data", "train"}:
        raise ColliculusError(f"an experiment has the keys method, data and train, and not {', '.join(parts)}")
    return Experiment(
        method=_named(parts["method"], METHODS, "method"),
        data=_named(_as_today(parts["data"]), {**DATASETS, FormerFolder.name: FormerFolder}, "dataset"),
        train=from_plain(parts["train"], TrainSettings),
    )


def _as_today(data: object) -> Document:
    """Settings of data under today's name: `folder` read clips otherwise in version 0.1."""
    plain = as_document(data)
    former = plain.get("name") == "folder" and "test_fraction" in plain
    return {**plain, "name": FormerFolder.name} if former else plain


def _named(plain: object, table: Mapping[str, type[Any]], what: str) -> Any:
    fields = as_document(plain)
    if (name := fields.pop("name", None)) not in table:
        raise unknown_name(what, str(name), table)
    return from_plain(fields, table[name])
