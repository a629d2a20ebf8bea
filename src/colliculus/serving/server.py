"""An HTTP server that keeps a run warm: a file in, its explained prediction out."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from colliculus.evaluation.predictor import Predictor
from colliculus.serving.body import requested_files
from colliculus.types import ColliculusError

HOST = "127.0.0.1"
_OURS = {HOST, "localhost"}
_PATIENCE_S = 60  # a client that sends nothing for so long is left


@dataclass(frozen=True, kw_only=True, eq=False)
class Service:
    """A run and the limits of requests to it.

    Args:
        predictor: the run.
        root: folder of the files that a request may name; None: requests must bring their files.
        most_bytes: largest content of a request.
    """

    predictor: Predictor
    root: Path | None = None
    most_bytes: int = 64 * 2**20

    def predictions(self, content_type: str, query: str, body: bytes) -> dict[str, Any]:
        """The predictions for the files of a request, as `colliculus predict --json` prints them.

        Raises:
            ColliculusError: the request or its files cannot be used.
            ValueError: a prediction is not finite, which JSON cannot say.
        """
        with tempfile.TemporaryDirectory(prefix="colliculus-") as folder:
            try:
                files = requested_files(content_type, query, body, Path(folder), self.root)
                with _one_by_one:
                    found = self.predictor.predict(files)
            except ColliculusError as error:
                raise ColliculusError(_without(folder, str(error))) from error
            plain: dict[str, Any] = json.loads(_without(folder, json.dumps(found.to_dict(), allow_nan=False)))
        return plain


_one_by_one = threading.Lock()  # a network computes with all threads of the machine


def _without(folder: str, text: str) -> str:
    """Text about files, without the folder that they lay in for a moment."""
    return text.replace(f"{folder}{os.sep}", "")


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for requests that are being answered

    def __init__(self, service: Service, address: tuple[str, int] | str) -> None:
        self.service = service
        self._open: set[Any] = set()  # sockets of the connections
        self.address_family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        super().__init__(address, _Handler)  # pyright: ignore[reportArgumentType] # a path for AF_UNIX

    def server_bind(self) -> None:
        """Bind without asking a name server for the name of this machine."""
        if isinstance(self.server_address, str):
            self.socket.bind(self.server_address)
            return
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Close after the requests that are being answered; a request that is not here yet is not waited for."""
        for connection in list(self._open):
            with suppress(OSError):  # it was closed meanwhile
                connection.shutdown(socket.SHUT_RD)  # its reader gets the end; an answer can still be written
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left; an error of the server is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] # the only server that makes it
    server_version, sys_version = "colliculus", ""
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_S

    def do_GET(self) -> None:
        """Answer that the server is there, and for which run."""
        if not self._is_for_us():
            return
        predictor = self.server.service.predictor
        self._send(HTTPStatus.OK, {"status": "ready", "run": str(predictor.folder), "program": predictor.start()})

    def do_POST(self) -> None:
        """Answer with predictions."""
        if not self._is_for_us():
            return
        length, most = self.headers.get("Content-Length", ""), self.server.service.most_bytes
        if not (length.isascii() and length.isdecimal()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "the request does not state its length: send Content-Length")
        elif len(length) > 15 or int(length) > most:
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the content has {length} bytes and {most} are allowed: send less, or start with a larger --most-mb",
            )
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._answer(body)
            else:
                self._refuse(HTTPStatus.BAD_REQUEST, f"{len(body)} of {length} bytes came: send the request again")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the base class
        """Print nothing: the caller gets the answer."""

    def address_string(self) -> str:
        """Name of the client; it has none behind a socket of a path."""
        return "client"

    def _answer(self, body: bytes) -> None:
        content_type = self.headers.get("Content-Type", "application/octet-stream")
        try:
            found = self.server.service.predictions(content_type, urlsplit(self.path).query, body)
        except ColliculusError as error:
            self._send(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": str(error)})
        except Exception as error:  # noqa: BLE001 - one request must not end the server
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"the server failed ({type(error).__name__}): report this")
        else:
            self._send(HTTPStatus.OK, found)

    def _is_for_us(self) -> bool:
        """False, after an answer, for another address, and for a name of this machine that a web page made up."""
        if urlsplit(self.path).path != "/":
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing at this address: use /")
            return False
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if self.server.address_family == socket.AF_INET and host not in _OURS:
            self._refuse(HTTPStatus.FORBIDDEN, f"the request is for the host {host!r}: send it to {HOST}")
            return False
        return True

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Answer with a sentence; the rest of the request is not read."""
        self._send(status, {"error": sentence})

    def _send(self, status: HTTPStatus, value: Mapping[str, Any]) -> None:
        content = (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")  # a client that keeps its connection would keep the server from ending
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def listening(service: Service, *, port: int = 0, path: Path | None = None) -> Generator[tuple[_Server, str]]:
    """A server of this machine alone, and its address; it is closed after the requests that it is answering.

    Args:
        service: the run and its limits.
        port: port of 127.0.0.1; 0 takes a free one.
        path: a Unix socket in the place of the port, readable by this user alone.

    Raises:
        ColliculusError: the port or the path is in use, or cannot be used.
    """
    address = (HOST, port) if path is None else str(path)
    before = os.umask(0o177)
    try:
        if path is not None:
            _remove_abandoned(path)
        server = _Server(service, address)
    except (OSError, OverflowError) as error:
        where = f"port {port}" if path is None else str(path)
        raise ColliculusError(f"{where} cannot be listened at ({error}): choose another one") from error
    finally:
        os.umask(before)
    try:
        yield server, f"http://{HOST}:{server.server_address[1]}/" if path is None else str(path)
    finally:
        server.server_close()
        if path is not None:
            path.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove a socket that a server left which was killed; one that answers stays."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as client, suppress(ConnectionRefusedError):
            client.connect(str(path))
            raise ColliculusError(f"{path} is in use by another server: choose another path")
        path.unlink()


def serve_until_told(server: _Server) -> None:
    """Answer requests until SIGTERM."""

    def stop(_signal: int, _frame: object) -> None:
        threading.Thread(target=server.shutdown).start()  # it waits for the loop, which waits for this handler

    before = signal.signal(signal.SIGTERM, stop)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        signal.signal(signal.SIGTERM, before)
