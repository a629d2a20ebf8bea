"""Settings of an experiment from a file: a `run.yaml` as a run wrote it, or a part of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colliculus.files.documents import Document, as_document
from colliculus.files.plain import parse_yaml, read_text
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.experiment import Experiment, replaced
from colliculus.runs.migration import migrated
from colliculus.types import ColliculusError

_NAMED = {"method", "data"}


def with_config(experiment: Experiment[Any, Any], path: Path | str) -> Experiment[Any, Any]:
    """The experiment with the settings of a file; what the file does not name stays as it is.

    Args:
        experiment: settings to start from.
        path: a YAML file with any of `method`, `data` and `train`, each with some of its settings, nested or by dotted
            name (`train.epochs: 5`). Of a `run.yaml` these are the values of `experiment`. A name of the method or of
            the data must be that of `experiment`.

    Raises:
        ColliculusError: the file cannot be read, is for another method or other data, or names an unknown setting.

    Example:
        >>> import tempfile
        >>> from colliculus.presets import preset
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "mine.yaml")
        ...     _ = file.write_text("train: {epochs: 5, learning_rate: 0.01}")
        ...     found = with_config(preset("late-fusion-synthetic"), file)
        >>> found.train.epochs, found.train.learning_rate, found.train.batch_size
        (5, 0.01, 32)
    """
    try:
        changes = _settings(Path(path))
        for part in _NAMED & changes.keys():
            changes[part] = as_document(changes[part])
            _check_same(part, changes[part].pop("name", None), experiment_to_plain(experiment)[part]["name"])
        return replaced(experiment, changes)
    except ColliculusError as error:
        raise ColliculusError(f"{path}: {error}") from error


def _settings(path: Path) -> Document:
    if not path.is_file():
        raise ColliculusError("there is no such file: give a run.yaml, or a YAML file with method, data and train")
    document = as_document(parse_yaml(read_text(path)))
    if "experiment" not in document:
        return document
    return as_document(migrated(document)["experiment"])


def _check_same(part: str, named: object, ours: str) -> None:
    if named not in (None, ours):
        raise ColliculusError(f"its {part} is {named!r} and that of the preset {ours!r}: name a preset with {named!r}")
