"""Files of a request: their names, their bytes, and the folder that they must not leave."""

from __future__ import annotations

import pytest
from forms import as_form

from colliculus import ColliculusError
from colliculus.serving.body import _written, requested_files


def test_links_in_a_circle_are_no_file(tmp_path):
    (tmp_path / "a.wav").symlink_to("b.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    with pytest.raises(ColliculusError, match="is not a file below the folder"):
        requested_files("application/json", "", b'{"files": ["a.wav"]}', tmp_path, tmp_path)


def test_without_a_root_no_path_is_opened(tmp_path):
    with pytest.raises(ColliculusError, match="is a path, and this server opens none"):
        requested_files("application/json", "", b'{"files": ["clip.wav"]}', tmp_path, None)


def test_an_empty_name_is_not_that_of_a_file(tmp_path):
    with pytest.raises(ColliculusError, match=r"^'' is not the name of a plain file"):
        _written(tmp_path, "", b"x")


def test_a_name_may_have_255_bytes(tmp_path):
    name = "é" * 125 + "a.wav"
    assert [path.name for path in requested_files("audio/wav", f"name={name}", b"x", tmp_path, None)] == [name]


def test_the_bytes_of_a_form_stay_as_they_are(tmp_path):
    contents = {"a.wav": bytes(range(256)) * 3 + b"\r\n", "b.wav": b"\n\r\n\r\n--frontie\r\n", "c.wav": b""}
    body, kind = as_form(contents)
    found = requested_files(kind, "", body, tmp_path, None)
    assert {path.name: path.read_bytes() for path in found} == contents
    with pytest.raises(ColliculusError, match=r"two files are called 'a\.wav'"):
        requested_files(kind, "", body, tmp_path, None)
