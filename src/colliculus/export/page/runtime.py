"""The three files of onnxruntime-web that a page holds: from a folder of the user, the cache, or a download."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from colliculus.files.download import download
from colliculus.types import ColliculusError

VERSION = "1.30.0"
FILES: Mapping[str, str] = {
    "ort.wasm.min.js": "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""The files and their SHA-256, in the folder `dist` of the npm package onnxruntime-web (MIT)."""
_REMEDY = f"unpack `npm pack onnxruntime-web@{VERSION}` and pass its folder `dist` as --runtime"
_MIRRORS = ("https://cdn.jsdelivr.net/npm", "https://unpkg.com")


def cache_folder() -> Path:
    """Folder of the downloaded files."""
    return platformdirs.user_cache_path("colliculus") / f"onnxruntime-web-{VERSION}"


def runtime_files(folder: Path | None) -> dict[str, bytes]:
    """Contents of the files by name, each the published one.

    Args:
        folder: folder that holds them; None takes those of the cache, which are downloaded on first use.

    Raises:
        ColliculusError: a file is missing, is not the published one, or cannot be downloaded.
    """
    return {name: _read(cache_folder() if folder is None else folder, name, fetch=folder is None) for name in FILES}


def _read(folder: Path, name: str, *, fetch: bool) -> bytes:
    path = folder / name
    if fetch and not path.exists():
        urls = [f"{mirror}/onnxruntime-web@{VERSION}/dist/{name}" for mirror in _MIRRORS]
        download(urls, path, sha256=FILES[name], remedy=f"go online, or {_REMEDY}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ColliculusError(f"{path} cannot be read ({error.strerror}): {_REMEDY}") from error
    if hashlib.sha256(content).hexdigest() != FILES[name]:
        raise ColliculusError(f"{path} is not that of onnxruntime-web {VERSION}: take the file of this version")
    return content
