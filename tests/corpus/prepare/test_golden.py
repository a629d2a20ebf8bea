"""Prepared bytes against those of version 0.1."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.media.spectrogram import Spectrogram

VERSION_0_1 = {
    "audio.npy": "e9e9cb5426134540900c65787cd00b10f0d70f27391edb8528e44887f3cf1830",
    "lidar.npy": "9f87dfdb394815c502ae410eb94ef2655da18768632cb8ea039c9528fa2a8497",
    "manifest.csv": "0399d97cb4c4342c05cff8315efb09f1b1ff5ecd8f2a62e7619239ca7223b6ea",
    "prepare.yaml": "d5e1aa354fff5a709bd26ffa16b2779344bacbb35028d8473489a8b5c4c7e013",
    "visual.npy": "4ee1dbaf242f502209f38fd6ac96e03bf160de6903728e45e9b9863946d18108",
}


def write_raw(raw: Path) -> Path:
    """A table of eight samples of sound, image and array, written byte by byte: no encoder's version matters."""
    raw.mkdir()
    lines = ["label,audio,visual,lidar,group,split,start"]
    for number in range(8):
        random = np.random.default_rng(number)
        with wave.open(str(raw / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(random.integers(-20_000, 20_000, 1000).astype("<i2").tobytes())
        Image.fromarray(random.integers(0, 255, (4, 4, 3), dtype=np.uint8)).save(raw / f"{number}.bmp")
        np.save(raw / f"{number}.npy", random.normal(size=(1, 2, 3)).astype(np.float32))
        visual = "" if number == 5 else f"{number}.bmp"
        start = "0.05" if number == 2 else ""
        split = "train" if number < 6 else "test"
        lines.append(f"{'ab'[number % 2]},{number}.wav,{visual},{number}.npy,g{number // 2},{split},{start}")
    (raw / "all.csv").write_text("\n".join(lines) + "\n")
    return raw / "all.csv"


RECIPE = ManifestRecipe(
    arrays=("lidar:1x2x3",),
    audio=Sound(kind="waveform", duration_s=0.1, spectrogram=Spectrogram(sample_rate_hz=8000)),
    visual=Frames(size=(4, 4)),
)


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of each file; that of `prepare.yaml` is without the versions of packages."""
    found = {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.name != ".lock"}
    document = yaml.safe_load(found["prepare.yaml"])
    assert list(document.pop("versions")) == ["colliculus", "av"]
    found["prepare.yaml"] = yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def test_prepared_bytes_are_those_of_version_0_1(tmp_path):
    prepare(RECIPE, write_raw(tmp_path / "raw"), tmp_path / "out", jobs=0)
    assert digests(tmp_path / "out") == VERSION_0_1
