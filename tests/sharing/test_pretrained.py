"""Runs that are found by name: a list and files with checksums, in a folder or at an address."""

from __future__ import annotations

import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

import colliculus as cl
from colliculus.cli import main
from colliculus.runs import pretrained as module
from colliculus.runs.pretrained import INDEX_FILE, VARIABLE, pretrained, write_index
from colliculus.types import ColliculusError

NAME = "tiny-clips"


@pytest.fixture
def offered(run, hub, tmp_path, monkeypatch):
    """A folder as `make pretrained` writes it; `hub` brings a cache of its own."""
    folder = tmp_path / "offered"
    cl.share(run, folder / NAME, data_licence="CC0")
    write_index(folder, {NAME: "CC0"})
    monkeypatch.setenv(VARIABLE, str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def change(folder, **files):
    index = json.loads((folder / INDEX_FILE).read_text())
    index[NAME]["files"] |= files
    (folder / INDEX_FILE).write_text(json.dumps(index))


def test_a_run_is_found_by_its_name_once(run, offered, capsys):
    found = cl.load(NAME, "cpu")
    assert found.folder.name == NAME
    assert not found.folder.is_relative_to(offered)
    ours, theirs = (cl.load(place, "cpu").model.state_dict() for place in (run, NAME))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    shutil.rmtree(offered / NAME)  # it is in the cache now
    assert cl.load(NAME, "cpu").folder == found.folder
    capsys.readouterr()
    assert main(["inspect", NAME, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == str(found.folder)


def test_the_list(run, offered, capsys):
    (offer,) = pretrained().runs.values()
    assert offer.accuracy == cl.load(run, "cpu").result.test.accuracy
    assert offer.data_licence == "CC0"
    assert main(["show", "pretrained"]) == 0
    assert NAME in capsys.readouterr().out


def test_an_address(offered, monkeypatch):
    handler = partial(SimpleHTTPRequestHandler, directory=str(offered))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{server.server_port}/")
        assert cl.load(NAME, "cpu").folder.name == NAME
        server.shutdown()
        thread.join()


def test_a_folder_of_that_name_goes_first(run, offered):
    shutil.copytree(run, NAME)
    (offered / INDEX_FILE).unlink()  # the list is not even read
    assert str(cl.load(NAME, "cpu").folder) == NAME


def test_a_changed_file_is_refused_and_nothing_is_kept(offered, tmp_path):
    (offered / NAME / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ColliculusError, match=r"model.safetensors could not be downloaded .*checksum is wrong"):
        cl.load(NAME)
    assert not [path for path in tmp_path.glob("cache/**/*") if path.suffix in (".safetensors", ".yaml")]


@pytest.mark.parametrize("name", ["../run.yaml", "code.py"])
def test_a_file_that_no_run_has_is_refused(offered, name):
    change(offered, **{name: "0" * 64})
    with pytest.raises(ColliculusError, match=f"names other files for {NAME} than a run has"):
        cl.load(NAME)


def test_names_that_are_not_offered_are_folders(offered, monkeypatch):
    for name in ("other-name", "digits", "/nowhere/tiny-clips"):
        with pytest.raises(ColliculusError, match="is not a run folder"):
            cl.load(name)
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ColliculusError, match=f"{NAME} is not a run folder"):
        cl.load(NAME)


def test_a_folder_without_a_list(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(ColliculusError, match=f"which holds no {INDEX_FILE}"):
        cl.load(NAME)


def test_a_damaged_list(offered):
    (offered / INDEX_FILE).write_text('{"tiny-clips": 5}')
    with pytest.raises(ColliculusError, match="tiny-clips"):
        cl.load(NAME)


def test_what_is_too_large_is_not_offered(offered, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    with pytest.raises(ColliculusError, match=r"more than 1,000: offer a smaller network"):
        write_index(offered, {NAME: "CC0"})
    with pytest.raises(ColliculusError, match=r"absent-run is not a finished run"):
        write_index(offered, {"absent-run": "CC0"})
