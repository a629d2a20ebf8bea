from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from colliculus.cli import main
from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.methods import LateFusion
from colliculus.types import DataSpec

SPEC = DataSpec(
    channels={"audio": 1, "visual": 2},
    sizes={"audio": (8, 8), "visual": (8, 8)},
    steps={"visual": 3},
    num_classes=3,
    class_names=("a", "b", "c"),
)


@pytest.fixture
def model(split):
    torch.manual_seed(0)
    model = LateFusion(dim=8, encoder="shallow", time_steps=2).model(SPEC)
    with torch.no_grad():  # statistics of the data and a wide readout, lest every sample fall to one class
        model.head.linear.weight.normal_()
        for _ in range(10):
            model(split.batch(np.arange(len(split)), epoch=0).inputs)
    return model


@pytest.fixture
def split():
    """Eleven samples: sound static, picture a sequence."""
    random = np.random.default_rng(0)
    arrays = {
        "audio": random.normal(size=(11, 1, 8, 8)).astype(np.float32) * 3,
        "visual": random.normal(size=(11, 3, 2, 8, 8)).astype(np.float32) * 3,
    }
    return ArraySplit(arrays, np.arange(11) % 3, np.arange(11), Normalisation(mean={}, std={}))


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory):
    """The folder of a small run of S-CMRL on synthetic data; tests that write work on a copy."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    method = ("--method.dim", "16", "--method.heads", "4", "--method.time-steps", "2")
    sizes = {"num-classes": 2, "num-train": 8, "num-validation": 4, "num-test": 6, "size": 16, "steps": 2}
    data = [part for name, value in sizes.items() for part in (f"--data.{name}", str(value))]
    train = ("--train.epochs", "1", "--train.device", "cpu")
    assert main(["train", "s-cmrl-synthetic", "--out", str(folder), *method, *data, *train]) == 0
    return folder


@pytest.fixture
def folder(trained_folder, tmp_path):
    """A run folder of a test's own."""
    return Path(shutil.copytree(trained_folder, tmp_path / "run"))
