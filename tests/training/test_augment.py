"""Training on augmented and mixed samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from stopped import stop_in

from colliculus.data.arrays import Arrays
from colliculus.data.augment import Augment
from colliculus.data.augment.images import Flip, ImageAugment, RandomResizedCrop
from colliculus.data.augment.mix import CutMix, Mixup
from colliculus.data.augment.sound import Masks, SpectrogramAugment
from colliculus.modulation import Balance
from colliculus.training.fit import TrainingInterrupted, fit

AUGMENT = Augment(
    pictures=ImageAugment(crop=RandomResizedCrop(probability=0.8), flip=Flip(probability=0.5)),
    spectrograms=SpectrogramAugment(time_masks=Masks(num=1)),
    mixup=Mixup(probability=0.4),
    cutmix=CutMix(probability=0.3),
)


@pytest.fixture
def train(tiny, runtime, tmp_path):
    """Train four epochs on arrays, in a folder; arguments are settings of the data."""
    random = np.random.default_rng(0)
    for part, count in (("train", 14), ("test", 4)):
        folder = tmp_path / "data" / part
        folder.mkdir(parents=True)
        labels = np.arange(count) % 2
        np.save(folder / "label.npy", labels)
        np.save(folder / "audio.npy", random.normal(labels[:, None, None, None], 1, (count, 1, 8, 8)))
        np.save(folder / "visual.npy", random.integers(0, 255, (count, 2, 3, 8, 8), dtype=np.uint8))
    kinds = {"audio": "spectrograms", "visual": "pictures"}

    def run(folder, *, resume=False, balance="none", **data):
        experiment = tiny(epochs=4)
        method = replace(experiment.method, unimodal_loss=1.0, balance=Balance(kind=balance))
        chosen = Arrays(**{"root": tmp_path / "data", "kinds": kinds, "augment": AUGMENT, **data})
        return fit(replace(experiment, data=chosen, method=method), out=folder, resume=resume, progress=False).result

    return run


@pytest.mark.parametrize("balance", ["none", "pmr", "agm"])
def test_two_and_two_epochs_equal_four_in_every_digit(train, digits, tmp_path, monkeypatch, balance):
    train(tmp_path / "whole", balance=balance)
    stop_in(monkeypatch, 2)
    with pytest.raises(TrainingInterrupted, match=r"holds 2 of 4 epochs"):
        train(tmp_path / "halves", balance=balance)
    torch.rand(7)  # random numbers drawn in between change nothing
    np.random.default_rng().random(7)
    train(tmp_path / "halves", balance=balance, resume=True)
    assert digits(tmp_path / "whole") == digits(tmp_path / "halves")


def test_augmentation_and_its_seed_make_another_training(train, digits, tmp_path):
    variants = {"plain": Augment(), "varied": AUGMENT, "again": replace(AUGMENT, seed=1)}
    for name, augment in variants.items():
        train(tmp_path / name, augment=augment)
    assert len({digits(tmp_path / name)["weights"] for name in variants}) == 3


def test_settings_that_change_nothing_train_to_the_same_digits(train, digits, tmp_path):
    idle = Augment(pictures=ImageAugment(crop=RandomResizedCrop(area=(0.1, 0.2))), seed=5)
    for name, augment in {"plain": Augment(), "idle": idle}.items():
        train(tmp_path / name, augment=augment)
    assert digits(tmp_path / "plain")["metrics"] == digits(tmp_path / "idle")["metrics"]
    assert digits(tmp_path / "plain")["weights"] == digits(tmp_path / "idle")["weights"]
