"""Runs on the Hugging Face Hub: their addresses, download and upload. Nothing else knows the hub."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from colliculus.files.atomic import atomic_path, writing
from colliculus.files.checks import refuse_links
from colliculus.runs.names import HEALTH_FILE, MODEL_FILE, RESULT_FILE, RUN_FILE
from colliculus.types import ColliculusError

CARD_FILE = "README.md"
NEEDED = (RUN_FILE, MODEL_FILE, RESULT_FILE)
SHARED = (*NEEDED, HEALTH_FILE, CARD_FILE)
"""Files of a shared run; no others are uploaded or downloaded."""

_ADDRESS = re.compile(r"hf:/{1,2}(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[\w.-][\w./-]*))?/?")
_RUNS_CODE = {".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".joblib"}


@dataclass(frozen=True)
class Address:
    """A repository of the hub.

    Args:
        repository: "owner/name".
        revision: branch, tag or commit; None is the main branch.
    """

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"hf://{self.repository}{f'@{self.revision}' if self.revision else ''}"


@dataclass(frozen=True)
class _Commit:
    sha: str
    files: tuple[str, ...]


def address_of(text: Path | str) -> Address | None:
    """The address that `text` states; None for a path on the disk. `Path` makes one of its two slashes.

    Raises:
        ColliculusError: it begins as an address and cannot be read as one.

    Example:
        >>> address_of("hf://ada/digits@v1"), address_of(Path("hf://ada/digits")), address_of("runs/digits")
        (Address(repository='ada/digits', revision='v1'), Address(repository='ada/digits', revision=None), None)
    """
    if not str(text).startswith("hf:/"):
        return None
    if (found := _ADDRESS.fullmatch(str(text))) is None:
        raise ColliculusError(f"{text} is not an address of the hub: write hf://owner/name or hf://owner/name@revision")
    return Address(found["repository"], found["revision"])


def cached(address: Address) -> Path:
    """The folder of a run of the hub in the user's cache, into which each commit is downloaded once.

    Raises:
        ColliculusError: as `download`.
    """
    commit = _listing(address)
    folder = platformdirs.user_cache_path("colliculus") / "hub" / address.repository.replace("/", "--") / commit.sha
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):  # other ranks wait here, and find it done
        return folder if folder.is_dir() else _download(address, commit, folder)


def download(address: Address, folder: Path) -> Path:
    """Download a shared run into `folder`, which must not exist yet: the files in `SHARED` and nothing else.

    Raises:
        ColliculusError: the extra `share` is not installed, the hub cannot be reached, or the repository is absent, is
            not a shared run, or holds a file that can run code.
    """
    return _download(address, _listing(address), folder)


def _download(address: Address, commit: _Commit, folder: Path) -> Path:
    for name in commit.files:
        if not _RUNS_CODE.isdisjoint(Path(name.lower()).suffixes):
            raise ColliculusError(
                f"{address} holds {name}, which can run code: colliculus reads safetensors only, ask its owner to"
                " share the run with `colliculus share`"
            )
    if lacking := [name for name in NEEDED if name not in commit.files]:
        raise ColliculusError(f"{address} is not a shared run, it has no {lacking[0]}: give another address")
    with writing(folder), atomic_path(folder) as temporary:
        received = temporary.with_name("received")
        try:
            _hub().snapshot_download(
                address.repository, revision=commit.sha, allow_patterns=list(SHARED), local_dir=str(received)
            )
        except Exception as error:  # the hub's client raises kinds of several packages
            raise _failed(address, error) from error
        refuse_links(received)
        temporary.mkdir()
        for name in SHARED:
            if (received / name).is_file():
                shutil.move(received / name, temporary / name)
    return folder


def upload(folder: Path, address: Address) -> None:
    """Upload the files of a shared run in one commit, and make the repository if it is absent.

    The account is the one that `hf auth login` stored.

    Raises:
        ColliculusError: the extra `share` is not installed, the user is not logged in, or the hub refuses.
    """
    try:
        api = _hub().HfApi()
        api.create_repo(address.repository, exist_ok=True)
        api.upload_folder(
            repo_id=address.repository,
            folder_path=str(folder),
            revision=address.revision,
            allow_patterns=list(SHARED),
            commit_message="Share a run of colliculus",
        )
    except ColliculusError:
        raise
    except Exception as error:
        raise _failed(address, error) from error


def _listing(address: Address) -> _Commit:
    hub = _hub()
    try:
        info = hub.HfApi().model_info(address.repository, revision=address.revision)
    except Exception as error:
        raise _failed(address, error) from error
    return _Commit(str(info.sha), tuple(file.rfilename for file in info.siblings or ()))


def _hub() -> Any:
    try:
        return import_module("huggingface_hub")
    except ImportError as error:
        raise ColliculusError("the hub needs huggingface_hub: pip install 'colliculus[share]'") from error


def _failed(address: Address, error: Exception) -> ColliculusError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
    return ColliculusError(
        f"the hub did not answer for {address} ({type(error).__name__}: {reason}): check the address and the network,"
        " and log in with `hf auth login` if the repository is private or yours to write"
    )
