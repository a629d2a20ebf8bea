"""Download: the first mirror that has the published file, and nothing half-written."""

from __future__ import annotations

import hashlib
import http.server
import threading

import pytest

from colliculus.files.download import download
from colliculus.types import ColliculusError

CONTENT = b"digits" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class _Mirror(http.server.BaseHTTPRequestHandler):
    """Gives the content, a wrong one, a cut one, or nothing, as the path says."""

    def do_GET(self):
        body = {"/good": CONTENT, "/wrong": b"other", "/cut": CONTENT[:100]}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) if self.path == "/cut" else len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # noqa: A002 - the name is the base class's
        """Silence."""


@pytest.fixture
def mirror():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Mirror)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_first_good_mirror_is_taken(mirror, tmp_path):
    target = tmp_path / "new" / "file.gz"
    download(
        [f"{mirror}/{name}" for name in ("absent", "wrong", "cut", "good")], target, sha256=DIGEST, remedy="go online"
    )
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file.gz"]


def test_nothing_is_left_behind_when_no_mirror_is_good(mirror, tmp_path):
    with pytest.raises(ColliculusError, match=r"file.gz could not be downloaded .*404.*checksum.*: go online$"):
        download([f"{mirror}/absent", f"{mirror}/wrong"], tmp_path / "file.gz", sha256=DIGEST, remedy="go online")
    assert not list(tmp_path.iterdir())


def test_offline(tmp_path):
    with pytest.raises(ColliculusError, match=r"127\.0\.0\.1:9/file: .*: go online$"):
        download(["http://127.0.0.1:9/file"], tmp_path / "file.gz", sha256=DIGEST, remedy="go online")
