"""Every dataset that can be augmented: the training part is, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from colliculus.cli.train import _parse
from colliculus.data.arrays import Arrays
from colliculus.data.augment import AugmentedSplit
from colliculus.data.joined import together
from colliculus.data.loading import epoch_batches
from colliculus.presets import preset
from colliculus.types import ColliculusError

FLAGS = [
    "--data.augment.pictures.crop.probability", "1",
    "--data.augment.pictures.crop.area", "0.3", "0.8",
    "--data.augment.pictures.flip.probability", "0.5",
    "--data.augment.pictures.colour.brightness", "0.4",
    "--data.augment.spectrograms.time-masks.num", "2",
    "--data.augment.spectrograms.shift.most", "0.1",
    "--data.augment.mixup.probability", "0.5",
    "--data.augment.seed", "3",
]  # fmt: skip
KINDS = {"arrays": ["--data.kinds", "visual", "pictures", "audio", "spectrograms"]}
DATASETS = ["arrays", "av-digits", "folder", "synthetic"]


@pytest.fixture(scope="module", params=DATASETS)
def datasets(request, shared_data):
    """The same data without and with augmentation."""
    overrides = shared_data(request.param).overrides
    return tuple(
        _settings(request.param, [*overrides, *more]).load() for more in ([], KINDS.get(request.param, []) + FLAGS)
    )


def _settings(name, flags):
    return _parse(["late-fusion-" + name, "--out", "run", *flags], preset(f"late-fusion-{name}")).settings.data


def _batch(split, epoch=0):
    return split.batch(np.arange(len(split)), epoch=epoch)


def test_training_samples_are_varied_anew_in_each_epoch(datasets):
    plain, varied = (dataset.train for dataset in datasets)
    assert isinstance(varied, AugmentedSplit)
    assert np.array_equal(plain.labels, varied.labels)
    first, second, before = _batch(varied, 0), _batch(varied, 1), _batch(plain, 0)
    for m, x in before.inputs.items():
        assert x.shape == first.inputs[m].shape
        assert not torch.equal(first.inputs[m], x)
        assert not torch.equal(first.inputs[m], second.inputs[m])
        assert first.inputs[m].isfinite().all()
    assert first.labels.shape == (len(plain), datasets[0].spec.num_classes)
    assert torch.equal(first.labels, _batch(varied, 0).labels)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_validation_and_test_never_are(datasets, part):
    plain, varied = (_batch(getattr(dataset, part)) for dataset in datasets)
    assert torch.equal(plain.labels, varied.labels)
    assert all(torch.equal(varied.inputs[m], x) for m, x in plain.inputs.items())


def test_what_is_recorded_of_the_data_stays(datasets):
    plain, varied = datasets
    for name in ("spec", "normalisation", "protocol", "fingerprint"):
        assert getattr(plain, name) == getattr(varied, name)


def test_ranks_share_an_epoch(datasets):
    split = datasets[1].train
    options = {"batch_size": 4, "seed": 0, "epoch": 1, "shuffle": True}
    for whole, *parts in zip(
        epoch_batches(split, **options), *(epoch_batches(split, **options, rank=r, world_size=2) for r in range(2)),
        strict=True,
    ):  # fmt: skip
        for rank, part in enumerate(parts):
            assert torch.equal(whole.labels[rank::2], part.labels)
            for m, x in whole.inputs.items():
                assert torch.equal(x.movedim(-4, 0)[rank::2], part.inputs[m].movedim(-4, 0))


def test_training_and_validation_part_join_and_are_varied_together(datasets):
    for dataset in datasets:
        whole = together(dataset)
        everyone = _batch(whole.train)
        assert len(everyone) == len(dataset.train) + len(dataset.validation) == len(whole.train)
        assert everyone.inputs.keys() == dataset.spec.channels.keys()
        validated = _batch(dataset.validation)
        held = {m: x.narrow(-4, len(dataset.train), len(dataset.validation)) for m, x in everyone.inputs.items()}
        assert {m: x.shape for m, x in held.items()} == {m: x.shape for m, x in validated.inputs.items()}
        same = all(torch.equal(x, validated.inputs[m]) for m, x in held.items())
        assert same is not isinstance(whole.train, AugmentedSplit)


def test_kinds_must_name_modalities_that_are_there(shared_data):
    settings = _settings("arrays", shared_data("arrays").overrides)
    with pytest.raises(ColliculusError, match="unknown modality 'vsual': did you mean 'visual'"):
        replace(settings, kinds={"vsual": "pictures"}).load()


def test_a_kind_that_is_not_there_is_not_augmented(shared_data):
    settings = _settings("arrays", [*shared_data("arrays").overrides, *FLAGS])
    assert isinstance(settings, Arrays)
    with pytest.raises(
        ColliculusError, match=r"augment.pictures is set, and the data hold audio \(maps\), visual \(maps\)"
    ):
        settings.load()
