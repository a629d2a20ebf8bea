"""Download of one file from mirrors; a broken download leaves nothing behind."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from colliculus.files.atomic import atomic_path
from colliculus.types import ColliculusError

_TIMEOUT_S = 30
_BLOCK = 1 << 20  # bytes


def download(urls: Sequence[str], target: Path, *, sha256: str | None) -> None:
    """Download a file from the first mirror that has it.

    Args:
        urls: mirrors, in the order in which they are tried.
        target: path of the file, which appears only when it is complete.
        sha256: expected hexadecimal digest; None if the caller checks the contents.

    Raises:
        ColliculusError: no mirror has the file.
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
        "or pass a folder that holds the data as `--data.root`"
    )


def _fetch(url: str, path: Path) -> str:
    """Write the content of `url` to `path`; returns its SHA-256."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response, path.open("wb") as file:  # noqa: S310 - our URLs
        while block := response.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
