from __future__ import annotations

import errno
import shutil
from pathlib import Path

import fsspec
import platformdirs
import pytest
import yaml

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.remote import local_prepared
from colliculus.data.prepared import Prepared
from colliculus.files.addresses import RemoteFolder, address_of, from_anywhere
from colliculus.runs.flags import words
from colliculus.types import ColliculusError

ADDRESS = Path("memory://shelf/clips")


@pytest.fixture
def shelf():
    """An object store in memory."""
    system = fsspec.filesystem("memory")
    yield system
    if system.exists("/shelf"):
        system.rm("/shelf", recursive=True)


@pytest.fixture(params=[2.0, 1100 / 1e9], ids=["one file", "shards"])
def prepared(request, raw, small, tmp_path):
    prepare(small, raw, tmp_path / "prepared", jobs=0, shard_gb=request.param)
    return tmp_path / "prepared"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _name: tmp_path / "cache")
    return tmp_path / "cache" / "prepared"


@pytest.fixture
def fetched(shelf, monkeypatch):
    """Names of the files that are fetched from now on."""
    names: list[str] = []
    get_file = type(shelf).get_file

    def counted(self, place, target, **more):
        names.append(place.rpartition("/")[2])
        return get_file(self, place, target, **more)

    monkeypatch.setattr(type(shelf), "get_file", counted)
    return names


def put(shelf, folder):
    for file in folder.iterdir():
        if file.name != ".lock":
            shelf.pipe(f"/shelf/clips/{file.name}", file.read_bytes())


def parts(cache):
    return [path for path in cache.rglob("*") if ".tmp" in path.name]


def test_data_at_an_address_are_those_on_the_disk(prepared, shelf, cache, fetched, digest_of):
    put(shelf, prepared)
    here, there = Prepared(root=prepared).load(), Prepared(root=ADDRESS).load()
    assert there.fingerprint == here.fingerprint
    assert there.normalisation == here.normalisation
    (copy,) = (path for path in cache.iterdir() if path.is_dir())
    own, theirs = digest_of(copy), digest_of(prepared)
    assert own.keys() - theirs.keys() <= {"verified.json"}
    assert all(own[name] == theirs[name] for name in theirs if name not in (".lock", "verified.json"))
    assert sorted(fetched) == sorted(name for name in theirs if name.endswith((".npy", ".csv")))
    fetched.clear()
    assert Prepared(root=ADDRESS).load().fingerprint == here.fingerprint
    assert fetched == []  # never again
    assert not parts(cache)


def test_an_interrupted_copy_goes_on_and_leaves_nothing_half_written(prepared, shelf, cache, fetched, monkeypatch):
    put(shelf, prepared)
    get_file = type(shelf).get_file

    def broken(self, place, target, **more):
        if place.endswith(("visual.npy", "visual.00001.npy")):
            Path(target).write_bytes(b"\x93NUMPY half of it")
            raise ConnectionResetError("reset by peer")
        return get_file(self, place, target, **more)

    with monkeypatch.context() as patch:
        patch.setattr(type(shelf), "get_file", broken)
        with pytest.raises(ColliculusError, match=r"visual\.\S*npy cannot be read \(reset by peer\): check the conn"):
            local_prepared(ADDRESS)
    (part,) = (path for path in cache.iterdir() if path.is_dir())
    assert part.suffix == ".part"
    for file in part.glob("*.npy"):
        assert file.read_bytes() == (prepared / file.name).read_bytes()
    assert not parts(cache)
    first = list(fetched)
    fetched.clear()
    assert Prepared(root=ADDRESS).load().fingerprint == Prepared(root=prepared).load().fingerprint
    assert fetched
    assert not set(first) & set(fetched)
    assert not part.exists()


def test_a_full_disk_is_called_one(prepared, shelf, cache, monkeypatch):
    put(shelf, prepared)

    def full(_self, _place, _target, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(shelf), "get_file", full)
    with pytest.raises(
        ColliculusError, match=r"manifest\.csv cannot be written \(No space left on device\): free some"
    ):
        local_prepared(ADDRESS)
    assert not parts(cache)


def test_a_changed_file_is_refused_and_not_kept(prepared, shelf, cache):
    put(shelf, prepared)
    name = next(file.name for file in sorted(prepared.glob("visual*.npy")))
    content = bytearray((prepared / name).read_bytes())
    content[-1] ^= 1
    shelf.pipe(f"/shelf/clips/{name}", bytes(content))
    with pytest.raises(ColliculusError, match=r"copy the prepared folder there again"):
        Prepared(root=ADDRESS).load()
    put(shelf, prepared)
    assert Prepared(root=ADDRESS).load().fingerprint == Prepared(root=prepared).load().fingerprint


def test_a_shorter_file_and_another_manifest_are_refused(prepared, shelf):
    put(shelf, prepared)
    name = next(file.name for file in sorted(prepared.glob("audio*.npy")))
    shelf.pipe(f"/shelf/clips/{name}", (prepared / name).read_bytes()[:-1])
    with pytest.raises(ColliculusError, match=rf"clips/{name} is not the file that was prepared"):
        local_prepared(ADDRESS)
    shelf.pipe("/shelf/clips/manifest.csv", (prepared / "manifest.csv").read_bytes() + b"\n")
    shutil.rmtree(platformdirs.user_cache_path("colliculus"))
    with pytest.raises(ColliculusError, match=r"clips/manifest\.csv is not the file that was prepared"):
        local_prepared(ADDRESS)


def test_a_new_preparation_at_the_same_address_is_noticed(prepared, shelf, raw, small, tmp_path):
    put(shelf, prepared)
    before = Prepared(root=ADDRESS).load().fingerprint
    shutil.copy(raw / "cat" / "0.png", raw / "cat" / "2.png")
    prepare(small, raw, tmp_path / "new", jobs=0)
    put(shelf, tmp_path / "new")
    assert Prepared(root=ADDRESS).load().fingerprint == Prepared(root=tmp_path / "new").load().fingerprint != before


@pytest.mark.parametrize("name", ["../../outside", "/outside", "a/b", "audio.00000"])
def test_no_name_leads_out_of_the_copy(prepared, shelf, cache, name):
    document = yaml.safe_load((prepared / "prepare.yaml").read_text())
    document["modalities"] = {name: document["modalities"]["audio"], "visual": document["modalities"]["visual"]}
    put(shelf, prepared)
    shelf.pipe("/shelf/clips/prepare.yaml", yaml.safe_dump(document).encode())
    with pytest.raises(ColliculusError, match="a modality is called"):
        local_prepared(ADDRESS)
    (prepared / "prepare.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ColliculusError, match="a modality is called"):
        Prepared(root=prepared).load()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("memory://shelf/nothing", r"memory://shelf/nothing has no prepare\.yaml: check the address"),
        ("s3://bucket/clips", r"s3://bucket/clips needs another package \(Install s3fs .*\): install it with pip"),
        ("nowhere://bucket/clips", r"nowhere://bucket/clips cannot be opened \(Protocol not known: nowhere.*\): check"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(address, told, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(ColliculusError, match=told):
        Prepared(root=Path(address)).load()


def test_an_address_stays_one_in_files_and_flags():
    for text in ("s3://bucket/a b", "https://host:80/a/b", "memory://shelf"):
        assert from_anywhere(Path(text)) == address_of(text) == words(Path(text))[0] == text
    for text in ("clips", "/data/clips", "C:/data", "C:\\data", "s3:", "s3://", "a:b", "data/s3://x"):
        assert address_of(text) is None


def test_a_fetched_file_is_not_fetched_again(shelf, tmp_path, fetched):
    shelf.pipe("/shelf/a", b"new")
    (tmp_path / "a").write_bytes(b"old")
    RemoteFolder("memory://shelf").fetch("a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert fetched == []
