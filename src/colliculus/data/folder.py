"""Own clips in one folder per class: prepared into a cache on first use, then the same as prepared data."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import platformdirs
from filelock import FileLock

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.oddities import oddities
from colliculus.corpus.prepare.prepared_folder import PREPARE_FILE, PreparedFolder, read_prepared
from colliculus.corpus.prepare.workspace import Incomplete
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.corpus.sample import Sample
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.prepared import DividedData
from colliculus.files.checks import dataset_root
from colliculus.files.documents import package_version, to_plain
from colliculus.records.console import progress, remark
from colliculus.types import ColliculusError, DataSpec

_FEW = 64  # fewer clips are prepared by one process: more take seconds to start


@dataclass(frozen=True, kw_only=True)
class Folder(DividedData):
    """Settings of own clips, `ROOT/{train,test[,validation]}/<class>/<clip>` or `ROOT/<class>/<clip>`.

    A clip is a video, or a sound file and an image or video of the same stem. On first use the clips are prepared into
    a cache folder, as `colliculus prepare folder ROOT CACHE` does; from then on they are the same as prepared data.
    The cache belongs to these files and settings: other ones get a cache of their own, and any may be deleted.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[str] = "folder"

    root: Path | None = None
    """Folder with one folder per class, or with `train/`, `test/` and optionally `validation/` that hold these."""
    cache: Path | None = None
    """Folder for prepared clips (inside ROOT only below a hidden folder); None: the user's cache folder."""
    clips: FolderRecipe = field(default_factory=FolderRecipe)
    """How clips are read."""
    incomplete: Incomplete = "skip"
    """A clip of which one modality cannot be read: leave it out (skip), or keep the other modality (keep)."""

    def prepared_folder(self) -> PreparedFolder:
        """The prepared clips, prepared now if they are not in the cache; a stopped preparation is continued.

        Raises:
            ColliculusError: the folders are not laid out as above, no clip can be read, or the disk is full.
        """
        root = dataset_root(self.root)
        samples = self.clips.listed(root)
        folder = self._cache_folder(root, samples)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):  # other processes of the same training wait here, and find it done
            if not (folder / PREPARE_FILE).is_file():
                jobs = 1 if len(samples) <= _FEW else os.cpu_count() or 1
                with progress("preparing clips") as shown:
                    prepare(self.clips, root, folder, jobs=jobs, incomplete=self.incomplete, progress=shown)
        prepared = read_prepared(folder)
        if problems := [result for result in prepared.results if result.problem]:
            kept = "left out" if self.incomplete == "skip" else "kept in part"
            files = {file for result in problems for file in prepared.samples[result.row].files.values()}
            endings = Counter(Path(file).suffix.lower() for file in files).most_common()
            remark(
                f"{len(problems)} of {len(samples)} clips cannot be read whole and are {kept}"
                f" ({', '.join(f'{count} x {ending}' for ending, count in endings)}); the first: {problems[0].problem}"
            )
        for sentence in oddities(prepared.samples, prepared.results, prepared.storages, self.clips.skipped(root)):
            remark(sentence)
        return prepared

    def reader(self, spec: DataSpec) -> StorageReader:
        """Reader of clips with the same settings."""
        storages = self.clips.storages_of(spec.steps.get("visual"))
        return StorageReader({m: s for m, s in storages.items() if m in spec.modalities})

    def _cache_folder(self, root: Path, samples: Sequence[Sample]) -> Path:
        """Folder named by a digest of whatever decides the arrays."""
        files = sorted({file for sample in samples for file in sample.files.values()})
        try:
            states = [(file, (root / file).stat()) for file in files]
        except OSError as error:
            raise ColliculusError(f"{error.filename} cannot be read ({error.strerror}): copy it again") from error
        decisive = {
            "clips": to_plain(self.clips),
            "incomplete": self.incomplete,
            "versions": [package_version(package) for package in ("colliculus", "av")],
            "files": [[file, state.st_size, state.st_mtime_ns] for file, state in states],
        }
        key = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:24]
        return (self.cache or platformdirs.user_cache_path("colliculus") / "clips") / key
