"""A server answers as `predict` does, opens nothing that it was not given, and ends when it is told."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from exported_runs import synthetic_run
from forms import BOUNDARY, as_form

from colliculus import ColliculusError
from colliculus.evaluation.predictor import Predictor
from colliculus.serving import server as server_module
from colliculus.serving.server import _PATIENCE_S, HOST, Service, _Server, listening


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose network fires."""
    return synthetic_run(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def clips(run, tmp_path_factory):
    """A folder with two clips as files: 000-*.wav and .gif, 001-*.wav and .gif."""
    folder = tmp_path_factory.mktemp("clips")
    return sorted(run.experiment.data.export(folder, count=2))


@contextmanager
def served(run, **options):
    """Port of a server in a thread."""
    service = Service(predictor=Predictor(folder=run.folder, program="torch"), **options)
    with listening(service) as (server, _):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def port(run, clips):
    with served(run, root=clips[0].parent, most_bytes=200_000) as port:
        yield port


def ask(port, method="POST", path="/", body=b"", **headers):
    """Status and value of an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def expected(run, files):
    return json.loads(json.dumps(run.predict(files).to_dict()))


def test_bytes_and_paths_and_forms_are_answered_as_predict_does(port, run, clips):
    sound = next(clip for clip in clips if clip.suffix == ".wav")
    status, one = ask(port, path=f"/?name={sound.name}", body=sound.read_bytes())
    assert (status, one) == (200, expected(run, [sound]))
    assert one["predictions"][0]["missing"] == ["visual"]

    body, kind = as_form({clip.name: clip.read_bytes() for clip in clips})
    status, form = ask(port, body=body, Content_Type=kind)
    assert (status, form) == (200, expected(run, clips))
    assert [len(form["predictions"]), len({one["probability"] for one in form["predictions"]})] == [2, 2]

    body = json.dumps({"files": [clip.name for clip in clips]}).encode()
    status, named = ask(port, body=body, Content_Type="application/json; charset=utf-8")
    assert (status, named["predictions"]) == (200, form["predictions"])


def test_a_line_of_health(port, run):
    assert ask(port, "GET") == (200, {"status": "ready", "run": str(run.folder), "program": "PyTorch on cpu"})


def test_a_file_that_cannot_be_read_is_named_without_the_folder_that_it_lay_in(port):
    status, answer = ask(port, path="/?name=clip.wav", body=b"no sound")
    assert (status, [*answer]) == (422, ["error"])
    assert answer["error"].startswith("clip.wav ")


@pytest.mark.parametrize(
    ("path", "body", "kind", "sentence"),
    [
        ("/", b"x", "audio/wav", "no file with a name"),
        ("/?name=..%2Fclip.wav", b"x", "audio/wav", "'../clip.wav' is not the name of a plain file"),
        ("/?name=.wav", b"x", "audio/wav", "'.wav' is not the name of a plain file"),
        ("/?name=%2Fetc%2Fpasswd", b"x", "audio/wav", "is not the name of a plain file"),
        ("/", b'{"files": ["../outside.wav"]}', "application/json", "leads out of the folder"),
        ("/", b'{"files": ["/etc/passwd"]}', "application/json", "leads out of the folder"),
        ("/", b'{"files": ["gone.wav"]}', "application/json", "is not a file below the folder"),
        ("/", b'{"files": ["."]}', "application/json", "is not a file below the folder"),
        ("/?name=" + "%C3%A9" * 184 + ".wav", b"x", "audio/wav", "is not the name of a plain file"),
        ("/?name=a%00.wav", b"x", "audio/wav", "is not the name of a plain file"),
        ("/", b'{"files": [""]}', "application/json", "'' is not a file below the folder"),
        ("/", b'{"files": ["a\\u0000.wav"]}', "application/json", "is not a file below the folder"),
        ("/", b'{"files": ["\\ud800.wav"]}', "application/json", "is not a file below the folder"),
        ("/", b'{"files": ["' + b"a" * 300 + b'"]}', "application/json", "is not a file below the folder"),
        ("/", b'{"files": []}', "application/json", "does not list files"),
        ("/", b'["clip.wav"]', "application/json", "does not list files"),
        ("/", b"\xff", "application/json", "does not list files"),
        ("/", b"", "multipart/form-data", "no boundary"),
        ("/", b"--frontier--", f"multipart/form-data; boundary={BOUNDARY}", "no file with a name"),
    ],
)
def test_a_request_that_cannot_be_used_gets_a_sentence(port, path, body, kind, sentence):
    status, answer = ask(port, path=path, body=body, Content_Type=kind)
    assert (status, [*answer]) == (422, ["error"])
    assert sentence in answer["error"]


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"path": "/other"}, 404, "nothing at this address"),
        ({"Host": "evil.example:8173"}, 403, "the host 'evil.example'"),
        ({"Content_Length": "200001"}, 413, "200000 are allowed"),
        ({"Content_Length": "9" * 5000}, 413, "200000 are allowed"),
        ({"Content_Length": "-1"}, 411, "does not state its length"),
        ({"Content_Length": "many"}, 411, "does not state its length"),
    ],
)
def test_a_request_that_is_not_read_gets_a_sentence(port, change, status, sentence):
    found, answer = ask(port, **change)
    assert found == status
    assert sentence in answer["error"]


def test_a_link_does_not_lead_out_of_the_root(run, clips, tmp_path):
    (tmp_path / "link.wav").symlink_to(clips[0])
    with served(run, root=tmp_path) as port:
        status, answer = ask(port, body=b'{"files": ["link.wav"]}', Content_Type="application/json")
    assert (status, "leads out of the folder" in answer["error"]) == (422, True)


def test_an_error_of_the_program_does_not_end_the_server(run, monkeypatch):
    def broken(*_arguments, **_options):
        raise ZeroDivisionError("a secret")

    with served(run) as port:
        with monkeypatch.context() as patch:
            patch.setattr(Predictor, "predict", broken)
            status, answer = ask(port, path="/?name=clip.wav", body=b"x")
        assert (status, answer["error"]) == (500, "the server failed (ZeroDivisionError): report this")
        assert ask(port, "GET")[0] == 200


def test_a_prediction_that_json_cannot_say_is_an_error_of_the_program(run, clips, monkeypatch):
    predict = Predictor.predict

    def infinite(*arguments, **options):
        found = predict(*arguments, **options)
        return replace(found, predictions=[replace(one, probability=math.nan) for one in found.predictions])

    monkeypatch.setattr(Predictor, "predict", infinite)
    with served(run) as port:
        status, answer = ask(port, path=f"/?name={clips[0].name}", body=clips[0].read_bytes())
    assert (status, answer["error"]) == (500, "the server failed (ValueError): report this")


def test_a_client_that_leaves_is_no_error(run, capsys):
    with served(run) as port:
        with socket.create_connection((HOST, port)) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it resets the connection
        assert ask(port, "GET")[0] == 200
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nRIFF"]
)
def test_a_client_that_keeps_its_connection_does_not_keep_the_server(run, sent):
    with contextlib.ExitStack() as clients:
        with served(run) as port:
            client = clients.enter_context(socket.create_connection((HOST, port), timeout=60))
            client.sendall(sent)
            polling = http.client.HTTPConnection(HOST, port, timeout=60)
            clients.callback(polling.close)
            polling.request("GET", "/", headers={"Connection": "keep-alive"})
            answer = polling.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (200, "close")
            answer.read()
            told = time.monotonic()
        assert time.monotonic() - told < _PATIENCE_S / 2


def test_a_request_that_is_being_answered_is_answered_before_the_server_ends(run, clips, monkeypatch):
    entered, closing, predict = threading.Event(), threading.Event(), Predictor.predict

    def slow(*arguments, **options):
        entered.set()
        assert closing.wait(60)
        return predict(*arguments, **options)

    class Closing(_Server):
        def server_close(self):
            threading.Timer(0.2, closing.set).start()
            super().server_close()

    monkeypatch.setattr(Predictor, "predict", slow)
    monkeypatch.setattr(server_module, "_Server", Closing)
    content, found = clips[0].read_bytes(), list[tuple[int, object]]()
    with served(run) as port:
        asks = threading.Thread(target=lambda: found.append(ask(port, path=f"/?name={clips[0].name}", body=content)))
        asks.start()
        assert entered.wait(60)
    asks.join(60)
    assert [status for status, _ in found] == [200]


def test_a_content_that_ends_early_gets_a_sentence(port):
    with socket.create_connection((HOST, port), timeout=60) as client:
        client.sendall(b"POST /?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nRIFF")
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"4 of 9 bytes came" in answer


def test_a_port_that_is_taken_is_named(run):
    service = Service(predictor=Predictor(folder=run.folder))
    with (
        listening(service) as (server, _),
        pytest.raises(ColliculusError, match=rf"^port {server.server_address[1]} cannot be listened at"),
        listening(service, port=server.server_address[1]),
    ):
        pass


def ask_socket(path, request):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(path))
        client.sendall(request)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    head, _, content = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], json.loads(content)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_server_on_a_socket_ends_cleanly_when_it_is_told(run, clips, tmp_path, told):
    place = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(place))
    command = [sys.executable, "-m", "colliculus", "serve", str(run.folder), "--socket", str(place), "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{place} answers for {run.folder} by PyTorch on cpu; Ctrl-C ends it\n"
        assert place.stat().st_mode & 0o777 == 0o600
        content = clips[0].read_bytes()
        request = f"POST /?name={clips[0].name} HTTP/1.1\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        status, answer = ask_socket(place, request.encode() + content)
        assert (status, len(answer["predictions"])) == (b"HTTP/1.1 200 OK", 1)
        os.kill(process.pid, told)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == ((0, "", "") if told == signal.SIGTERM else (130, "", err))
    assert "Traceback" not in err
    assert not place.exists()


def test_a_socket_in_use_is_left_alone(run, tmp_path):
    service = Service(predictor=Predictor(folder=run.folder))
    with (
        listening(service, path=tmp_path / "s"),
        pytest.raises(ColliculusError, match="is in use by another server"),
        listening(service, path=tmp_path / "s"),
    ):
        pass
    assert not Path(tmp_path / "s").exists()
