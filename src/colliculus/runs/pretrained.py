"""Trained runs that a release offers by the name of their preset: their list, and their files with checksums."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from colliculus.files.atomic import atomic_path, write_atomic, writing
from colliculus.files.documents import from_plain, to_plain
from colliculus.files.download import download
from colliculus.files.plain import parse_json, read_text
from colliculus.records import Record, Table
from colliculus.records.console import percent
from colliculus.runs.hub import NEEDED, SHARED
from colliculus.runs.result import read_result
from colliculus.types import ColliculusError

ADDRESS: str | None = None
"""Address of the runs of this version; None: they are not published."""
VARIABLE = "COLLICULUS_PRETRAINED"
"""Environment variable with another address, or a folder such as `make pretrained` writes."""
INDEX_FILE = "index.json"
MOST_BYTES = 2 << 20
"""Limit for the files of one offered run."""

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_REMEDY = f"check the network, and {VARIABLE} where it is set"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A run that is offered.

    Args:
        data: name of its dataset and protocol.
        accuracy: on the test part, as a share.
        data_licence: licence of what it was trained on.
        files: SHA-256 of each file by name.
    """

    data: str
    accuracy: float
    data_licence: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class PretrainedRuns(Record):
    """The runs at an address.

    Args:
        address: where their folders lie; None: nowhere yet.
        runs: each by the name of its preset.
    """

    address: str | None
    runs: Mapping[str, Offer]

    def table(self) -> Table:
        """Name, accuracy, data and licence of each."""
        if self.address is None:
            facts = {"none": f"not published: `make pretrained` trains them, {VARIABLE}=build/pretrained finds them"}
            return Table.facts("pretrained", facts)
        rows = {n: f"{percent(run.accuracy)} on {run.data} ({run.data_licence})" for n, run in self.runs.items()}
        return Table.facts(f"pretrained, at {self.address}", rows, ("To use one: colliculus predict NAME FILE...",))


def pretrained() -> PretrainedRuns:
    """Runs that `load`, `evaluate`, `predict` and all that takes a run find by the name of their preset.

    Raises:
        ColliculusError: their list cannot be read.

    Example:
        >>> import colliculus as cl
        >>> sorted(cl.pretrained().runs)  # without COLLICULUS_PRETRAINED, before the first release
        []
    """
    address = os.environ.get(VARIABLE) or ADDRESS
    if address is None:
        return PretrainedRuns(None, {})
    if "://" not in address:
        if not Path(address, INDEX_FILE).is_file():
            raise ColliculusError(f"{VARIABLE} is {address}, which holds no {INDEX_FILE}: name a folder of such runs")
        address = Path(address).resolve().as_uri()
    address = address.rstrip("/")
    path = _cache() / hashlib.sha256(address.encode()).hexdigest()[:16] / INDEX_FILE
    with FileLock(_made(path.parent) / "lock"):
        download([f"{address}/{INDEX_FILE}"], path, sha256=None, remedy=_REMEDY)
        return PretrainedRuns(address, from_plain(parse_json(read_text(path)), dict[str, Offer]))


def pretrained_run(name: str) -> Path | None:
    """The folder of the run of that name, downloaded into the user's cache once; None where none is offered.

    Raises:
        ColliculusError: the list or a file cannot be downloaded, or is damaged; or a file has an unexpected name.
    """
    if not _NAME.fullmatch(name) or (offer := (known := pretrained()).runs.get(name)) is None:
        return None
    if not {*NEEDED} <= offer.files.keys() <= {*SHARED}:
        raise ColliculusError(f"the list at {known.address} names other files for {name} than a run has: {_REMEDY}")
    content = json.dumps(to_plain(offer), sort_keys=True)
    folder = _made(_cache() / hashlib.sha256(content.encode()).hexdigest()[:16]) / name
    with FileLock(f"{folder}.lock"):  # other ranks wait here, and find it done
        if not folder.is_dir():
            with writing(folder), atomic_path(folder) as temporary:
                temporary.mkdir()
                for file, digest in offer.files.items():
                    url = f"{known.address}/{name}/{file}"
                    download([url], temporary / file, sha256=digest, remedy=_REMEDY)
    return folder


def write_index(folder: Path, licences: Mapping[str, str]) -> Path:
    """List the shared runs in `folder`, each in a folder of the name of its preset.

    Args:
        folder: what `pretrained` finds at an address.
        licences: licence of the data of each run, by name.

    Raises:
        ColliculusError: a run is not finished, or its files are larger than `MOST_BYTES`.
    """
    offers = {name: to_plain(_offer(folder / name, licence)) for name, licence in sorted(licences.items())}
    write_atomic(folder / INDEX_FILE, (json.dumps(offers, indent=1) + "\n").encode())
    return folder / INDEX_FILE


def _offer(run: Path, licence: str) -> Offer:
    if (found := read_result(run)) is None:
        raise ColliculusError(f"{run} is not a finished run: share one into it")
    contents = {name: (run / name).read_bytes() for name in SHARED if (run / name).is_file()}
    if (size := sum(map(len, contents.values()))) > MOST_BYTES:
        raise ColliculusError(f"{run} has {size:,} bytes, more than {MOST_BYTES:,}: offer a smaller network")
    return Offer(
        data=f"{found.dataset}, {found.protocol}",
        accuracy=found.test.accuracy,
        data_licence=licence,
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )


def _cache() -> Path:
    return platformdirs.user_cache_path("colliculus") / "pretrained"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
