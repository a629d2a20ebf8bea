from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from colliculus.data.augment import Augment, AugmentedSplit, augmented
from colliculus.data.augment.images import Flip, ImageAugment
from colliculus.data.augment.noise import SampleNoise
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.data.joined import together
from colliculus.data.loading import ArraySplit
from colliculus.data.user_data import as_dataset
from colliculus.types import ColliculusError, DataSpec

N, HELD = 9, 4
SPEC = DataSpec(channels={"touch": 2, "visual": 1}, sizes={}, num_classes=3)
NORMALISATION = Normalisation({"visual": (100.0,)}, {"visual": (50.0,)})
AUGMENT = Augment(pictures=ImageAugment(flip=Flip(probability=0.5)), noise=SampleNoise(probability=0.5))


@pytest.fixture
def dataset():
    """Nine samples to train on and four to validate on, of one pool; some lack the touch."""
    rng = np.random.default_rng(0)
    pool = {
        "touch": rng.normal(size=(20, 3, 2, 1, 4)),
        "visual": rng.integers(0, 255, (20, 1, 5, 6), dtype=np.uint8),
    }
    present = {"touch": np.arange(20) % 5 != 0}
    rows = rng.permutation(20)
    parts = {
        name: ArraySplit(pool, chosen % 3, chosen, NORMALISATION, {}, present)
        for name, chosen in (("train", rows[:N]), ("validation", rows[N : N + HELD]), ("test", rows[N + HELD :]))
    }
    return Dataset(spec=SPEC, **parts, normalisation=NORMALISATION, protocol="given", fingerprint="f")


@pytest.mark.parametrize("indices", [[0], [N], [N + HELD - 1, 0, 3, N, 0], [*range(N + HELD)], [N, N + 1]], ids=str)
@pytest.mark.parametrize("raw", [True, False])
def test_every_sample_is_the_one_of_its_part_at_its_place(dataset, indices, raw):
    if not raw:  # a split of which only batches are known
        dataset = replace(dataset, train=dataset.train.at_epoch(0))
    whole = together(dataset)
    got = whole.train.batch(np.array(indices), epoch=0)
    for place, index in enumerate(indices):
        split, row = (dataset.train, index) if index < N else (dataset.validation, index - N)
        expected = split.batch(np.array([row]), epoch=0)
        assert got.labels[place] == expected.labels[0] == whole.train.labels[index]
        for m, x in expected.inputs.items():
            assert torch.equal(got.inputs[m].select(-4, place), x.select(-4, 0))
    assert (len(whole.train), len(whole.validation)) == (N + HELD, 0)
    assert (whole.test, whole.spec, whole.fingerprint) == (dataset.test, dataset.spec, dataset.fingerprint)


def test_all_of_it_is_augmented_as_training_is(dataset):
    """As one split of all rows would be."""
    varied = replace(dataset, train=augmented(dataset.train, AUGMENT, {"visual": "pictures"}, SPEC))
    whole, plain = together(varied).train, together(dataset).train
    assert isinstance(whole, AugmentedSplit)
    rows = np.concatenate([dataset.train.rows, dataset.validation.rows])
    one = replace(dataset.train, targets=rows % 3, rows=rows)
    expected = augmented(one, AUGMENT, {"visual": "pictures"}, SPEC)
    everyone = np.arange(N + HELD)
    for epoch in (0, 1):
        got, wanted = (split.batch(everyone, epoch=epoch) for split in (whole, expected))
        assert torch.equal(got.labels, wanted.labels)
        assert all(torch.equal(got.inputs[m], x) for m, x in wanted.inputs.items())
    visual = (split.batch(everyone, epoch=0).inputs["visual"] for split in (whole, plain))
    changed = (next(visual) != next(visual)).flatten(1).any(dim=1)
    assert changed[:N].any()
    assert changed[N:].any()


def test_soft_and_hard_labels_together_are_refused():
    def sample(k, label):
        return {"imu": torch.full((2, 1, 4), float(k))}, label

    soft = [sample(k, torch.tensor([0.25, 0.75])) for k in range(6)]
    data = as_dataset(soft, [sample(k, k % 2) for k in range(4)], [sample(k, k % 2) for k in range(4)])
    with pytest.raises(ColliculusError, match=r"soft and those of the validation part are not.*leave train\.refit off"):
        together(data).train.batch(np.arange(10), epoch=0)
