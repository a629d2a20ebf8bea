"""Prepared folders at an address: copied once into the user's cache, checked, and kept."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
from filelock import FileLock

from colliculus.corpus.prepare.manifest_rows import MANIFEST_FILE
from colliculus.corpus.prepare.plan import check_space
from colliculus.corpus.prepare.prepared_folder import (
    FORMAT,
    PREPARE_FILE,
    REMEDY,
    Layout,
    layout_of,
    read_prepared,
)
from colliculus.corpus.prepare.rows import RowFile
from colliculus.corpus.prepare.verification import mark_verified, verify
from colliculus.files.addresses import RemoteFolder, address_of
from colliculus.files.atomic import move, remove_leftovers, write_atomic
from colliculus.files.documents import read_document
from colliculus.records.console import progress, remark
from colliculus.types import ColliculusError

_AT_ONCE = 4
"""Files that are fetched at the same time."""


def local_prepared(root: Path) -> Path:
    """The folder of prepared data: `root` itself, or the copy of an address.

    A copy is named by its `prepare.yaml`, which is read at each start; everything else is fetched once. An interrupted
    copy goes on with the files that are missing. Other processes wait until it is done.

    Raises:
        ColliculusError: the address cannot be read, or its files are not those that were prepared.

    Example:
        >>> local_prepared(Path("prepared/clips"))
        PosixPath('prepared/clips')
    """
    if (address := address_of(root)) is None:
        return root
    remote = RemoteFolder(address)
    document = remote.read(PREPARE_FILE)
    key = hashlib.sha256(document).hexdigest()[:24]
    folder = platformdirs.user_cache_path("colliculus") / "prepared" / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            part = folder.with_suffix(".part")
            write_atomic(part / PREPARE_FILE, document)
            _copy(remote, part)
            move(part, folder)
    return folder


def _copy(remote: RemoteFolder, part: Path) -> None:
    """Fetch what is missing in `part`, and check it."""
    try:
        layout = layout_of(read_document(part / PREPARE_FILE, newest=FORMAT, remedy=REMEDY))
    except (KeyError, ValueError) as error:
        raise ColliculusError(f"{remote.address}/{PREPARE_FILE} is damaged ({error}): {REMEDY}") from error
    arrays = layout.arrays(part)
    files = [file for array in arrays.values() for file in array.files]
    remove_leftovers(part, [PREPARE_FILE, MANIFEST_FILE, *(file.path.name for file in files)])
    check_space(part, arrays.values())
    remote.fetch(MANIFEST_FILE, part / MANIFEST_FILE, sha256=layout.manifest)
    remark(f"copying {len(files)} files of {remote.address} into {part.parent}, once")
    _fetch(remote, files, layout.files)
    _verify(remote, part, layout)


def _fetch(remote: RemoteFolder, files: Sequence[RowFile], digests: Mapping[str, str]) -> None:
    def fetch(file: RowFile) -> None:
        remote.fetch(file.path.name, file.path, sha256=digests.get(file.path.name, ""), size=file.file_bytes)

    with progress("fetching") as shown, ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for done, _ in enumerate(pool.map(fetch, files), 1):
                shown(done, len(files))
        finally:
            pool.shutdown(cancel_futures=True)  # after an error no other file is begun


def _verify(remote: RemoteFolder, part: Path, layout: Layout) -> None:
    """Check the rows against their digests where files have none, and record that it was done."""
    folder = read_prepared(part)
    if not layout.files:
        try:
            verify(folder)
        except ColliculusError as error:
            shutil.rmtree(part)
            raise ColliculusError(
                f"the files of {remote.address} are damaged: copy the prepared folder there again"
            ) from error
    mark_verified(folder)
