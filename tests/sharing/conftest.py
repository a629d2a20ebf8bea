"""A finished run, and a hub in memory: the tests never use the network."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from hashlib import sha1
from pathlib import Path
from types import SimpleNamespace

import platformdirs
import pytest

from colliculus.training.fit import fit


@dataclass
class Hub:
    """The four calls that colliculus makes, on repositories in memory: commits are mappings of files."""

    commits: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)
    downloads: list[str] = field(default_factory=list)
    offline: bool = False

    def put(self, repository, files):
        self.commits.setdefault(repository, []).append(files)

    def HfApi(self):  # noqa: N802 - the hub's name
        return self

    def _at(self, repository, revision):
        if self.offline:
            raise ConnectionError("no route to host.\nsecond line")
        commits = {_sha(repository, k): files for k, files in enumerate(self.commits[repository])}
        return (revision, commits[revision]) if revision in commits else [*commits.items()][-1]

    def model_info(self, repository, *, revision=None):
        sha, files = self._at(repository, revision)
        return SimpleNamespace(sha=sha, siblings=[SimpleNamespace(rfilename=name) for name in files])

    def snapshot_download(self, repository, *, revision, allow_patterns, local_dir):
        self.downloads.append(revision)
        for name, content in self._at(repository, revision)[1].items():
            if any(fnmatch(name, pattern) for pattern in allow_patterns):
                path = Path(local_dir, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        (Path(local_dir) / ".cache").mkdir()  # as the real one does
        return local_dir

    def create_repo(self, repository, *, exist_ok):
        assert exist_ok
        self.commits.setdefault(repository, [])

    def upload_folder(self, *, repo_id, folder_path, revision, allow_patterns, commit_message):
        assert commit_message
        assert revision is None
        files = {p.relative_to(folder_path).as_posix(): p.read_bytes() for p in Path(folder_path).rglob("*")}
        self.put(repo_id, {n: c for n, c in files.items() if any(fnmatch(n, pattern) for pattern in allow_patterns)})


def _sha(repository, number):
    return sha1(f"{repository}{number}".encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    made = Hub()
    monkeypatch.setitem(sys.modules, "huggingface_hub", made)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "run"


@pytest.fixture
def run(tiny, trained, tmp_path):
    """The folder of a finished run, a copy for each test."""
    if not trained.exists():
        fit(tiny(), out=trained, progress=False)
    return Path(shutil.copytree(trained, tmp_path / "run"))
