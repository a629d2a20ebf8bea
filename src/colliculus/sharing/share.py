"""Share a run: its weights, settings, figures and card, without pickles and without a path of this computer."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from shlex import quote
from typing import Any, cast

import yaml

from colliculus.evaluation.trained_run import TrainedRun, open_run
from colliculus.files.atomic import atomic_path, writing
from colliculus.files.documents import Document
from colliculus.files.plain import parse_json, read_text
from colliculus.records import Record, Table
from colliculus.runs.hub import CARD_FILE, address_of, download, upload
from colliculus.runs.run import HEALTH_FILE, MODEL_FILE, RESULT_FILE, RUN_FILE, load_model, read_run, read_run_file
from colliculus.sharing.card import card
from colliculus.types import ColliculusError

_HOME = re.compile(r"(?:/home/|/Users/|/root/|[A-Za-z]:\\+Users\\+|~/)", re.IGNORECASE)
_WITH_PATHS = (("experiment", "data"), ("stored",), ("start",))
"""Parts of `run.yaml` that may name files."""


@dataclass(frozen=True)
class SharedRun(Record):
    """A run as others get it.

    Args:
        run: run folder that was shared, or address that was fetched.
        to: folder or address that holds it now.
        files: names and sizes in bytes.
    """

    run: str
    to: str
    files: dict[str, int]

    def table(self) -> Table:
        """The files, and how to use them."""
        files = {name: f"{size:,} bytes" for name, size in self.files.items()}
        note = f"It is a run for every command: colliculus predict {quote(self.to)} FILE..."
        return Table.facts(f"Shared run {self.to}", files, (note,))


def share(
    run: TrainedRun | Path | str, to: Path | str, *, data_licence: str = "", licence: str | None = None
) -> SharedRun:
    """Write a finished run for others, into a folder or onto the Hugging Face Hub.

    The folder holds `run.yaml` (paths of this computer replaced by the last name in them), the weights as safetensors,
    `result.json`, the spike health and a card, `README.md`. Predictions, curves and the training state stay here.

    Args:
        run: finished run.
        to: folder, absent or empty, or "hf://owner/name"; the hub's account is the one that `hf auth login` stored.
        data_licence: licence of the files that the run was trained on, for the card: the weights learned from them. It
            may be left out where the data are generated ("synthetic").
        licence: licence of the weights, by its name on the hub, such as "apache-2.0"; None leaves it open.

    Raises:
        ColliculusError: the run is not finished, was imported, or names a home folder; no licence of the data is given;
            the folder is not empty; or the hub refuses.

    Example:
        >>> import tempfile
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sorted(cl.share(run, f"{folder}/mine", licence="apache-2.0").files)
        ['README.md', 'model.safetensors', 'result.json', 'run.yaml', 'spike_health.json']
    """
    opened = open_run(run, "cpu")
    if opened.run.imported:
        raise ColliculusError(f"{opened.folder} was imported and has no figures of its own: share what it was made of")
    data_licence = data_licence.strip() or getattr(opened.experiment.data, "licence", "")
    if not data_licence:
        raise ColliculusError(
            f"the licence of the data of {opened.folder} is not named: add --data-licence, such as CC0"
        )
    address = address_of(to)
    name = Path(to).absolute().name if address is None else str(address)
    files = _files(opened, data_licence=data_licence, licence=licence, address=name)
    if address is None:
        _write(Path(to), files)
    else:
        with tempfile.TemporaryDirectory(prefix="colliculus-") as folder:
            _write(Path(folder) / "run", files)
            upload(Path(folder) / "run", address)
    return SharedRun(str(opened.folder), str(address or to), {name: len(content) for name, content in files.items()})


def fetch(address: str, out: Path | None = None) -> SharedRun:
    """Download a shared run from the hub, and check that it loads.

    Args:
        address: "hf://owner/name" or "hf://owner/name@revision".
        out: folder to write, absent or empty; None: the name of the repository, in the working folder.

    Raises:
        ColliculusError: as `runs.hub.download`; the folder is not empty; or the run does not load.
    """
    if (known := address_of(address)) is None:
        raise ColliculusError(f"{address} is not an address of the hub: write hf://owner/name")
    folder = Path(known.repository.split("/")[1]) if out is None else out
    _check_free(folder)
    with tempfile.TemporaryDirectory(prefix="colliculus-") as checked:
        received = download(known, Path(checked) / "run")
        load_model(received, read_run(received))
        files = {entry.name: entry.read_bytes() for entry in sorted(received.iterdir())}
    _write(folder, files)
    return SharedRun(str(known), str(folder), {name: len(content) for name, content in files.items()})


def _files(run: TrainedRun, *, data_licence: str, licence: str | None, address: str) -> dict[str, bytes]:
    """Contents of the shared files, by name."""
    load_model(run.folder, run.run)  # nothing is shared that does not load
    document = _without_paths(read_run_file(run.folder))
    text = {RUN_FILE: yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10**9)}
    for name in (RESULT_FILE, HEALTH_FILE):
        if (run.folder / name).is_file():
            text[name] = json.dumps(parse_json(read_text(run.folder / name)), indent=1, ensure_ascii=False)
    text[CARD_FILE] = card(run, data_licence=data_licence, licence=licence, address=address)
    for name, content in text.items():
        _refuse_home(run.folder, name, content)
    return {MODEL_FILE: (run.folder / MODEL_FILE).read_bytes()} | {n: content.encode() for n, content in text.items()}


def _without_paths(document: Document) -> Document:
    """`run.yaml` with the last name in place of every absolute path of data and start.

    Example:
        >>> _without_paths({"experiment": {"data": {"root": "/data/clips", "size": 8}}, "preset": "/a"})
        {'experiment': {'data': {'root': 'clips', 'size': 8}}, 'preset': '/a'}
    """
    changed = dict(document)
    for first, *rest in _WITH_PATHS:
        if first in changed and not rest:
            changed[first] = _named(changed[first])
        elif first in changed:
            changed[first] = {k: _named(v) if k in rest else v for k, v in cast("Document", changed[first]).items()}
    return changed


def _named(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _named(inner) for key, inner in cast("Document", value).items()}
    if isinstance(value, list):
        return [_named(inner) for inner in cast("list[Any]", value)]
    if isinstance(value, str):
        for kind in (PurePosixPath, PureWindowsPath):
            if (path := kind(value)).is_absolute():
                return path.name
    return value


def _refuse_home(folder: Path, name: str, content: str) -> None:
    for text in (str(Path.home()), *(found[0] for found in _HOME.finditer(content))):
        if len(text) > 1 and text in content:
            raise ColliculusError(
                f"{name} of {folder} would name a home folder ({text}): rename what it belongs to, and train again or"
                " correct the file"
            )


def _write(folder: Path, files: dict[str, bytes]) -> None:
    _check_free(folder)
    with writing(folder), atomic_path(folder) as temporary:
        temporary.mkdir()
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        if folder.is_dir():
            folder.rmdir()  # it is empty


def _check_free(folder: Path) -> None:
    if not folder.name:
        raise ColliculusError(f"{folder} has no name of its own: give the name of a new folder")
    if folder.exists() and (not folder.is_dir() or [*folder.iterdir()]):
        raise ColliculusError(f"{folder} is not an empty folder: choose another one")
