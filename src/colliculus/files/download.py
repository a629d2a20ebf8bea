"""Download of published files: complete and with the right checksum, or not at all."""

from __future__ import annotations

import hashlib
import shutil
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from colliculus.files.atomic import atomic_path
from colliculus.types import ColliculusError

_TIMEOUT_S = 30


def download(urls: Sequence[str], target: Path, *, sha256: str | None, remedy: str) -> None:
    """Download a file from the first of several mirrors that has it; `target` appears only when it is complete.

    Args:
        urls: addresses of the same file.
        target: file to write.
        sha256: expected hexadecimal digest; None if the caller checks the contents.
        remedy: what the user can do where no mirror has it, for the sentence.

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
    raise ColliculusError(f"{target.name} could not be downloaded ({'; '.join(failures)}): {remedy}")


def _fetch(url: str, path: Path) -> str:
    """Write the content of `url` to `path`; returns its SHA-256."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response, path.open("w+b") as file:  # noqa: S310 - our URLs
        shutil.copyfileobj(response, file)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()
