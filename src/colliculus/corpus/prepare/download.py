"""One file from its mirrors: checked before it takes its place, so that a broken download leaves nothing behind."""

from __future__ import annotations

import hashlib
import tempfile
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from colliculus.types import ColliculusError

_TIMEOUT_S = 30
_BLOCK = 1 << 20  # bytes


@contextmanager
def atomic_path(target: Path) -> Generator[Path]:
    """A path to build a file or folder at; it becomes `target` when the block ends well and vanishes when it does not.

    Args:
        target: the file or folder wanted; parents that are missing are made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".incomplete-") as folder:
        temporary = Path(folder) / target.name
        yield temporary
        temporary.replace(target)


def download(urls: Sequence[str], target: Path, *, sha256: str | None) -> None:
    """Fetch a file from the first mirror that gives it.

    Args:
        urls: mirrors, in the order they are tried.
        target: where the file goes; it appears only once it is whole.
        sha256: hexadecimal digest it must have; None where the caller checks the contents instead.

    Raises:
        ColliculusError: no mirror gave the file.
    """
    failures: list[str] = []
    for url in urls:
        try:
            with atomic_path(target) as temporary:
                digest = _fetch(url, temporary)
                if sha256 is not None and digest != sha256:
                    raise OSError("its checksum is wrong")
            return
        except (OSError, HTTPException) as error:
            failures.append(f"{url}: {error}")
    raise ColliculusError(
        f"{target.name} could not be downloaded ({'; '.join(failures)}): go online, "
        "or name a folder that holds the data with `--data.root`"
    )


def _fetch(url: str, path: Path) -> str:
    """Write what `url` gives to `path`; returns its SHA-256."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response, path.open("wb") as file:  # noqa: S310 - ours
        while block := response.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
