"""Generated data, one small set of every dataset: what a preset is tried on."""

from __future__ import annotations

import gzip
import wave
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from shutil import copy, copytree

import numpy as np
import pytest
import raw_trees
from PIL import Image

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.depth_frames import DepthFrames
from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.prepare.series import SensorSeries
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes import RECIPES
from colliculus.corpus.recipes.utd_mhad import UTDMHAD
from colliculus.corpus.sample import Sample
from colliculus.data.synthetic import Synthetic
from colliculus.media.spectrogram import Spectrogram

pytest_plugins = ("quick", "tiny_media", "tiny_training")

SIZE = 16
TINY_SYNTHETIC = {"num_classes": 2, "num_train": 8, "num_validation": 4, "num_test": 4, "size": SIZE, "steps": 2}


@dataclass(frozen=True)
class TinyData:
    """How the command line asks for a small set, and files of clips of the same kind."""

    overrides: list[str]
    clips: list[Path]


def write_tone(path: Path, frequency_hz: float) -> None:
    samples = np.sin(2 * np.pi * frequency_hz * np.arange(800) / 8000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((16000 * samples).astype("<i2").tobytes())


def write_idx(path: Path, array: np.ndarray) -> None:
    lengths = np.array(array.shape, dtype=">i4").tobytes()
    path.write_bytes(gzip.compress(bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes()))


def write_picture(path: Path, level: int) -> None:
    Image.fromarray(np.full((SIZE, SIZE, 3), level, dtype=np.uint8)).save(path)


def synthetic(root: Path) -> TinyData:
    overrides = [part for name, value in TINY_SYNTHETIC.items() for part in (f"--data.{name}", str(value))]
    return TinyData(overrides, Synthetic(**TINY_SYNTHETIC).export(root, count=2))


def av_digits(root: Path) -> TinyData:
    """Four recordings of each digit by one speaker (index 0 is the test's), three training pictures and one of test."""
    recordings = root / "recordings"
    recordings.mkdir(parents=True)
    for digit in range(10):
        for index in (0, 5, 6, 7):
            write_tone(recordings / f"{digit}_ann_{index}.wav", 200 + 100 * digit + index)
    for part, copies in (("train", 3), ("t10k", 1)):
        digits = np.repeat(np.arange(10, dtype=np.uint8), copies)
        write_idx(root / f"{part}-labels-idx1-ubyte.gz", digits)
        pictures = np.broadcast_to(20 * digits[:, None, None], (len(digits), 28, 28))
        write_idx(root / f"{part}-images-idx3-ubyte.gz", np.ascontiguousarray(pictures))
    write_picture(root / "3_ann_0.png", 60)
    clip = [recordings / "3_ann_0.wav", root / "3_ann_0.png"]
    return TinyData(["--data.root", str(root), "--data.size", str(SIZE)], clip)


def arrays(root: Path) -> TinyData:
    """Two classes; sound is static, the picture a sequence of three steps."""
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 4)):
        folder = root / split
        folder.mkdir(parents=True)
        labels = np.arange(count) % 2
        np.save(folder / "label.npy", labels)
        np.save(folder / "audio.npy", random.normal(labels[:, None, None, None], 1, (count, 1, SIZE, SIZE)))
        np.save(folder / "visual.npy", random.integers(0, 255, (count, 3, 2, SIZE, SIZE), dtype=np.uint8))
    return TinyData(["--data.root", str(root)], [root / "test"])


def folder(root: Path) -> TinyData:
    for split, count in (("train", 6), ("test", 2)):
        for k, name in enumerate(("high", "low")):
            clips = root / split / name
            clips.mkdir(parents=True)
            for i in range(count):
                write_tone(clips / f"{i}.wav", 300 + 900 * k + 10 * i)
                write_picture(clips / f"{i}.png", 40 + 150 * k + i)
    sizes = [
        part
        for size in ("audio.spectrogram.size", "visual.size")
        for part in (f"--data.clips.{size}", str(SIZE), str(SIZE))
    ]
    cache = ["--data.cache", str(root.parent / "cache")]
    return TinyData(["--data.root", str(root), *cache, *sizes], [root / "test" / "low"])


TINY: dict[str, Callable[[Path], TinyData]] = {
    "synthetic": synthetic,
    "av-digits": av_digits,
    "arrays": arrays,
    "folder": folder,
}
WITH_DEPTH = "utd-mhad-3"
PREPARED_AS = {"prepared": "cifar10-av", WITH_DEPTH: WITH_DEPTH} | {name: name for name in raw_trees.RAW_TREES}


def tiny_recipe(name: str) -> Recipe:
    """The recipe of a data set of the papers, storing what it stores by default, but small."""
    recipe = RECIPES[name]() if name in RECIPES else UTDMHAD(modalities=("inertial", "skeleton", "depth"))
    small = {m: storage_of(storage) for m, storage in recipe.storages.items()}
    return replace(recipe, **small)


def storage_of(storage: object) -> object:
    match storage:
        case Sound():
            spectrogram: Spectrogram = replace(storage.spectrogram, size=(SIZE, SIZE))
            return replace(storage, spectrogram=spectrogram, duration_s=storage.duration_s and 1.0)
        case Frames():
            return replace(storage, size=(SIZE, SIZE), duration_s=storage.duration_s and 1.0)
        case EventFrames():
            return replace(storage, size=(SIZE, SIZE), bins=3)
        case SensorSeries():
            return replace(storage, steps=SIZE)
        case DepthFrames():
            return replace(storage, size=(SIZE, SIZE), steps=3)
    raise TypeError(storage)


def clip_files(root: Path, raw: Path, sample: Sample) -> list[Path]:
    """Files of one clip, which have one stem: copies of a sample's own, or two recordings of events."""
    if not any("::" in file for file in sample.files.values()):
        several = len({Path(file).suffix for file in sample.files.values()}) == 1
        names = {m: f"clip_{m}" if several else "clip" for m in sample.files}
        copies = {root / f"{names[m]}{Path(file).suffix}": raw / file for m, file in sample.files.items()}
        return [Path(copy(original, made)) for made, original in copies.items()]
    files = [root / "3.visual.aedat", root / "3.audio.aedat"]  # the channels of a cochlea as places of a camera
    for file in files:
        raw_trees.write_aedat(file, [(120 + i % 8, i // 8, 0, 100 * i) for i in range(64)])
    return files


@pytest.fixture(scope="session")
def shared_tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The raw tree of a data set of the papers, written once for all tests, none of which may change it."""

    @cache
    def tree(name: str) -> Path:
        return raw_trees.RAW_TREES[name](tmp_path_factory.mktemp(name) / "raw")

    return tree


@pytest.fixture(scope="session")
def small_recipe() -> Callable[[str], Recipe]:
    """The recipe with which `prepared_data` prepares a data set."""
    return tiny_recipe


@pytest.fixture
def raw_tree(shared_tree: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A raw tree of a test's own."""
    return lambda name: Path(copytree(shared_tree(name), tmp_path / name))


@pytest.fixture(scope="session")
def prepared_data(
    shared_tree: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], TinyData]:
    """The small set of a data set of the papers, from its raw layout, prepared once for all tests."""

    @cache
    def data(name: str) -> TinyData:
        raw = shared_tree("utd-mhad" if name == WITH_DEPTH else name)
        root, recipe = tmp_path_factory.mktemp(name), tiny_recipe(name)
        prepare(recipe, raw, root / "prepared", jobs=0)
        return TinyData(["--data.root", str(root / "prepared")], clip_files(root, raw, recipe.samples(raw)[0]))

    return data


@pytest.fixture(scope="session")
def shared_data(
    tmp_path_factory: pytest.TempPathFactory, prepared_data: Callable[[str], TinyData]
) -> Callable[[str], TinyData]:
    """Small sets by the names that presets have for them, made once for all tests, none of which may change them."""

    @cache
    def data(name: str) -> TinyData:
        return TINY[name](tmp_path_factory.mktemp(name) / "data") if name in TINY else prepared_data(PREPARED_AS[name])

    return data


@pytest.fixture
def tiny_data(tmp_path: Path, prepared_data: Callable[[str], TinyData]) -> Callable[[str], TinyData]:
    """Make the small set of some data, by the name that presets have for them."""
    return lambda name: TINY[name](tmp_path / "data") if name in TINY else prepared_data(PREPARED_AS[name])
