"""Splits of every dataset in `torch.utils.data.DataLoader`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_collate

from colliculus.data.collate import collate
from colliculus.data.noise import GaussianNoise, NoisySplit
from colliculus.data.synthetic import Synthetic

SMALL = Synthetic(num_train=10, num_validation=6, num_test=6, size=8, steps=3)


@pytest.fixture(scope="module")
def train():
    return SMALL.load().train


def same(first, second):
    return first.labels.equal(second.labels) and all(x.equal(second.inputs[m]) for m, x in first.inputs.items())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_what_batch_gives(train, workers):
    loader = DataLoader(train, batch_size=4, collate_fn=collate, num_workers=workers)
    batches = list(loader)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert all(same(batch, train.batch(np.arange(10)[4 * i :][:4], epoch=0)) for i, batch in enumerate(batches))


def test_samples_have_no_batch_axis(train):
    inputs, label = train[3]
    assert {m: tuple(x.shape) for m, x in inputs.items()} == {"audio": (3, 1, 8, 8), "visual": (3, 1, 8, 8)}
    assert label.item() == train.labels[3]
    assert train[-1][1].item() == train.labels[-1]
    with pytest.raises(IndexError):
        train[10]
    assert len(list(train)) == 10
    usual, _ = default_collate([train[0], train[1]])
    assert usual["audio"].shape == (2, 3, 1, 8, 8)


@pytest.mark.parametrize("name", ["av-digits", "arrays", "folder", "prepared"])
def test_every_dataset_can_be_loaded_so(shared_data, name):
    from colliculus.cli.train import _parse
    from colliculus.presets import preset

    flags = ["late-fusion-" + name, "--out", "run", *shared_data(name).overrides]
    data = _parse(flags, preset("late-fusion-" + name)).settings.data.load()
    for part in (data.train, data.validation, data.test):
        order = torch.arange(len(part)).flip(0).tolist()
        (batch,) = DataLoader(part, batch_size=len(part), sampler=order, collate_fn=collate)
        assert same(batch, part.batch(np.array(order), epoch=0))


def test_an_epoch_can_be_chosen(train):
    noisy = NoisySplit(train, GaussianNoise({"audio": 0.0}))
    rows = np.arange(10)
    assert not same(noisy.batch(rows, epoch=0), noisy.batch(rows, epoch=3))
    third = noisy.at_epoch(3)
    assert same(third.batch(rows, epoch=0), noisy.batch(rows, epoch=3))
    assert torch.equal(third[2][0]["audio"], noisy.batch(rows, epoch=3).inputs["audio"][:, 2])
    assert torch.equal(noisy[2][0]["audio"], noisy.batch(rows, epoch=0).inputs["audio"][:, 2])
