from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.media.spectrogram import Spectrogram

SMALL = FolderRecipe(
    audio=Sound(duration_s=0.2, spectrogram=Spectrogram(sample_rate_hz=8000, n_fft=64, hop=40, size=(8, 8))),
    visual=Frames(size=(8, 8)),
)


def write_pair(folder: Path, name: str, number: int) -> None:
    """A sound and a picture of one stem, unlike those of any other number."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(number)
    soundfile.write(folder / f"{name}.wav", random.uniform(-0.5, 0.5, 1600), 8000)
    Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{name}.png")


def contents(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def small():
    """A recipe that is quickly done."""
    return SMALL


@pytest.fixture
def raw(tmp_path):
    """Two classes of six pairs of sound and picture."""
    for number in range(12):
        write_pair(tmp_path / "raw" / ("cat", "dog")[number % 2], str(number), number)
    return tmp_path / "raw"


@pytest.fixture
def digest_of():
    return contents


@pytest.fixture
def add_pair():
    return write_pair


@pytest.fixture(autouse=True)
def one_thread():
    """As preparation itself runs, or a spectrogram compared with its own differs in the last digit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
