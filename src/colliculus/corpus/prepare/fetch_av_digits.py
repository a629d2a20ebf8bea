"""Download of MNIST and the Free Spoken Digit Dataset (v1.0.10, CC BY-SA 4.0) into one folder."""

from __future__ import annotations

import hashlib
import tempfile
import wave
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import platformdirs

from colliculus.files.atomic import atomic_path
from colliculus.files.download import download
from colliculus.media.digit_files import RECORDING_NAME
from colliculus.types import ColliculusError

MNIST_SHA256: Mapping[str, str] = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""SHA-256 of the four published files of MNIST."""

RECORDINGS_SHA256 = "9c15f3c186dd0c494669b4ee1626686c22ed6b6bf0bb8fb7b008f58be8141b00"
"""`recordings_digest` of the 3,000 recordings of v1.0.10; its host packs the archive anew on demand."""

_MNIST_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
_RECORDINGS_URL = "https://github.com/Jakobovits/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip"
_MOST_BYTES = 1 << 20  # limit for one recording; the longest real one has 36,568


def default_root() -> Path:
    """Folder of the data if no root is given, in the user's cache."""
    return platformdirs.user_cache_path("colliculus") / "av-digits"


def prepare(root: Path) -> None:
    """Download what is missing in `root` of the four MNIST files and `recordings/`; a second call downloads nothing.

    Raises:
        ColliculusError: a file could not be downloaded or is not the published one.
    """
    remedy = "go online, or pass a folder that holds the data as `--data.root`"
    for name, digest in MNIST_SHA256.items():
        if not (root / name).exists():
            download([f"{mirror}/{name}" for mirror in _MNIST_MIRRORS], root / name, sha256=digest, remedy=remedy)
    if not (root / "recordings").exists():
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "recordings.zip"
            download([_RECORDINGS_URL], archive, sha256=None, remedy=remedy)
            extract_recordings(archive, root / "recordings", sha256=RECORDINGS_SHA256)


def extract_recordings(archive: Path, target: Path, *, sha256: str) -> None:
    """Unpack the recordings of a zip file, and nothing else, into `target`, which appears only when it is right.

    Paths inside an archive are not trusted: only their last part is used, and only if it names a recording.

    Raises:
        ColliculusError: the archive is damaged, or its recordings have another `recordings_digest` than `sha256`.
    """
    with atomic_path(target) as folder:
        folder.mkdir()
        try:
            with zipfile.ZipFile(archive) as packed:
                for entry in packed.infolist():
                    path = PurePosixPath(entry.filename)
                    wanted = path.parent.name == "recordings" and RECORDING_NAME.fullmatch(path.name)
                    if wanted and entry.file_size <= _MOST_BYTES:
                        (folder / path.name).write_bytes(packed.read(entry))
        except (zipfile.BadZipFile, zlib.error) as error:
            raise ColliculusError(f"the archive of recordings is damaged ({error}): download it again") from error
        if recordings_digest(folder) != sha256:
            raise ColliculusError(
                "the archive does not hold the recordings of release v1.0.10: pass a folder with them as `--data.root`"
            )


def recordings_digest(folder: Path) -> str:
    """SHA-256 over the sorted names and the sound of all wav files in `folder`; tags in the files do not count.

    Raises:
        ColliculusError: a file is not a wav file.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.wav")):
        try:
            with wave.open(str(path)) as file:
                samples = file.readframes(file.getnframes())
        except (wave.Error, EOFError) as error:
            raise ColliculusError(f"{path.name} is not a wav file ({error}): download the recordings again") from error
        digest.update(f"{path.name} {hashlib.sha256(samples).hexdigest()}\n".encode())
    return digest.hexdigest()
