"""The files of a request: bytes that it brings, or names of files below a folder that the server was given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from colliculus.files.plain import parse_json
from colliculus.types import ColliculusError

_LONGEST = 255  # bytes of a name of a file on Linux and macOS
HOW = "POST its bytes to /?name=clip.wav, several files as multipart/form-data, or JSON such as {'files': ['clip.wav']}"


def requested_files(content_type: str, query: str, body: bytes, folder: Path, root: Path | None) -> list[Path]:
    """The files that a request is about.

    Args:
        content_type: "application/json" names files below `root`; "multipart/form-data" brings files; any other type
            is the content of one file.
        query: part of the address behind the question mark; `name=clip.wav` names the content of one file.
        body: content of the request.
        folder: empty folder, into which files that the request brings are written.
        root: folder of the files that a request may name; None refuses all names.

    Raises:
        ColliculusError: no file is given, a name is not that of a plain file, or a path leads out of `root`.
    """
    kind = _header(content_type).get_content_type()
    if kind == "application/json":
        return [_below(root, name) for name in _names(body)]
    if kind == "multipart/form-data":
        brought = list(_parts(content_type, body))
    else:
        brought = [(name, body) for name in parse_qs(query).get("name", [])[:1]]
    if not brought:
        raise ColliculusError(f"the request has no file with a name: {HOW}")
    return [_written(folder, name, content) for name, content in brought]


def _header(content_type: str) -> Message:
    header = Message()
    header["Content-Type"] = content_type
    return header


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a form (RFC 7578)."""
    boundary = _header(content_type).get_boundary()
    if not boundary:
        raise ColliculusError("the multipart/form-data has no boundary: send it with a program that writes one")
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if blank and (name := BytesHeaderParser().parsebytes(head.lstrip()).get_filename()):
            yield name, content


def _names(body: bytes) -> list[str]:
    try:
        found: Any = parse_json(body.decode()).get("files")
    except (ValueError, AttributeError):
        found = None
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise ColliculusError(f"the JSON does not list files: {HOW}")
    return found


def _below(root: Path | None, name: str) -> Path:
    if root is None:
        raise ColliculusError(f"{name!r} is a path, and this server opens none: start it with --root, or send the file")
    inside, absent = root.resolve(), f"{name!r} is not a file below the folder of this server: check its name"
    if not _can_name_a_file(name):
        raise ColliculusError(absent)
    try:
        path = (inside / name).resolve()
        there = path.is_relative_to(inside) and path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a part is too long, or links lead in a circle
        raise ColliculusError(absent) from error
    if not path.is_relative_to(inside):
        raise ColliculusError(f"{name!r} leads out of the folder of this server: name a file below it")
    if not there:
        raise ColliculusError(absent)
    return path


def _can_name_a_file(name: str) -> bool:
    return name != "" and name.isprintable()


def _written(folder: Path, name: str, content: bytes) -> Path:
    plain = _can_name_a_file(name) and name == Path(name).name and "\\" not in name and not name.startswith(".")
    if not plain or len(os.fsencode(name)) > _LONGEST:
        raise ColliculusError(f"{name!r} is not the name of a plain file: use one such as clip.wav")
    path = folder / name
    if path.exists():
        raise ColliculusError(f"two files are called {name!r}: give each a name of its own")
    path.write_bytes(content)
    return path
