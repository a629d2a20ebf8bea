from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from colliculus.cli import main
from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.data.synthetic import Synthetic
from colliculus.methods import LateFusion
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run, write_run
from colliculus.runs.weights import save_weights
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


def write_trained(folder, **train):
    """A run folder as a training leaves it, with a model that uses every class."""
    data = Synthetic(num_classes=2, num_train=8, num_validation=4, num_test=12, size=8, steps=2)
    method = LateFusion(dim=8, encoder="shallow", time_steps=2)
    experiment = Experiment(method=method, data=data, train=TrainSettings(batch_size=5, **train))
    dataset = data.load()
    torch.manual_seed(0)
    model = method.model(dataset.spec)
    with torch.no_grad():
        model.head.linear.weight.normal_()
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                norm.momentum = 1.0  # the statistics of one batch
                norm.weight.fill_(2.0)
                norm.bias.fill_(0.5)
        model(dataset.train.batch(np.arange(8), epoch=0).inputs)
        logits = model.eval()(dataset.test.batch(np.arange(12), epoch=0).inputs).logits
    assert len(set(logits[:, 0].tolist())) > 6, "the network does not fire"
    write_run(folder, Run.of(experiment, dataset))
    save_weights(model, folder / MODEL_FILE)
    return folder


@pytest.fixture
def trained_folder(tmp_path):
    return write_trained(tmp_path / "run")


@pytest.fixture
def noisy_folder(tmp_path):
    """The folder of a run that was trained with noise on the sound."""
    return write_trained(tmp_path / "noisy", snr_db={"audio": -5.0})


@pytest.fixture
def raw_noisy_folder(tmp_path):
    """The folder of a run that was trained with noise on the sound, by the power of the raw spectrogram."""
    return write_trained(tmp_path / "raw-noisy", snr_db={"audio": -5.0}, snr_of="raw")


@pytest.fixture(scope="session")
def scmrl_folder(tmp_path_factory):
    """The folder of a small run of S-CMRL on synthetic data; tests that write work on a copy."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    method = ("--method.dim", "16", "--method.heads", "4", "--method.time-steps", "2")
    sizes = {"num-classes": 2, "num-train": 8, "num-validation": 4, "num-test": 6, "size": 16, "steps": 2}
    data = [part for name, value in sizes.items() for part in (f"--data.{name}", str(value))]
    train = ("--train.epochs", "1", "--train.device", "cpu")
    assert main(["train", "s-cmrl-synthetic", "--out", str(folder), *method, *data, *train]) == 0
    return folder


@pytest.fixture
def folder(scmrl_folder, tmp_path):
    """A run folder of a test's own."""
    return Path(shutil.copytree(scmrl_folder, tmp_path / "run"))
