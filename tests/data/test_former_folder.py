"""Runs that version 0.1 made with its own reader of clips."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import yaml
from PIL import Image

from colliculus.data.former_folder import FormerFolder
from colliculus.presets import preset
from colliculus.runs.document import experiment_from_plain, experiment_to_plain
from colliculus.runs.migration import migrated
from colliculus.types import ColliculusError, DataSpec

DATA = """
name: folder
root: /data/clips
audio: {sample_rate_hz: 8000, n_fft: 256, hop: 64, scale: stft, num_mels: 64, size: [8, 10], steps: null}
visual: {size: [6, 7], channels: 3, steps: null}
test_fraction: 0.25
validation_fraction: 0.1
standardise: true
on_error: stop
seed: 3
"""
SPEC = DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": (8, 10), "visual": (6, 7)}, num_classes=2)


@pytest.fixture
def experiment():
    today = experiment_to_plain(preset("late-fusion-folder"))
    data = yaml.safe_load(DATA) | {"augment": today["data"]["augment"]}
    return experiment_from_plain(migrated({"format": 1, "experiment": {**today, "data": data}})["experiment"])


def test_settings_of_version_0_1_are_read_and_written(experiment):
    assert isinstance(experiment.data, FormerFolder)
    assert (str(experiment.data.root), experiment.data.seed, experiment.data.audio.size) == ("/data/clips", 3, (8, 10))
    assert experiment_from_plain(experiment_to_plain(experiment)) == experiment


def test_data_that_cannot_be_split_as_then_are_not_loaded(experiment):
    with pytest.raises(ColliculusError, match=r"trained on clips in /data/clips as version 0\.1 .*: train again with"):
        experiment.data.load()


def test_clips_are_read_in_the_same_sizes_with_a_remark(experiment, tmp_path, capsys):
    soundfile.write(tmp_path / "clip.wav", np.zeros(800), 8000)
    Image.new("RGB", (9, 8), (40, 20, 0)).save(tmp_path / "clip.png")
    reader = experiment.data.reader(SPEC)
    assert "read by time stamps now" in " ".join(capsys.readouterr().err.split())
    arrays = reader.read(reader.group(sorted(tmp_path.iterdir()))["clip"])
    assert {m: array.shape for m, array in arrays.items()} == {"audio": (1, 8, 10), "visual": (3, 6, 7)}
