from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from active import awake

from colliculus.data.dataset import Normalisation
from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.inference import classify
from colliculus.runs.run import Run
from colliculus.training.learner import Learner
from colliculus.types import ColliculusError


@pytest.fixture
def learner(tiny, runtime):
    def make(**settings):
        experiment = tiny(**settings)
        dataset = experiment.data.load()
        return Learner(Run.of(experiment, dataset), runtime, None), dataset

    return make


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_seed_decides_the_initial_weights(learner):
    (first, _), (same, _), (other, _) = learner(seed=1), learner(seed=1), learner(seed=2)
    assert torch.equal(weights(first.model), weights(same.model))
    assert not torch.equal(weights(first.model), weights(other.model))


def test_an_epoch_sees_every_sample_and_tells_of_every_step(learner):
    trained, dataset = learner(batch_size=5)
    told = []
    row = trained.train_epoch(dataset.train, 0, lambda epoch, sums, seconds: told.append(sums.totals()["samples"]))
    assert told == [5, 9, 13]
    assert trained.samples == 13
    assert trained.samples_per_second > 0
    assert row["epoch"] == 1
    assert row["learning_rate"] == 1e-6


def test_incomplete_batches_are_dropped_on_request(learner):
    trained, dataset = learner(batch_size=5, drop_incomplete=True)
    trained.train_epoch(dataset.train, 0, lambda *_: None)
    assert trained.samples == 10


def test_with_a_moving_average_it_is_the_average_that_is_judged(learner):
    averaged, dataset = learner(ema_decay=0.999, warmup_epochs=0)
    initial = weights(averaged.judged)
    averaged.train_epoch(dataset.train, 0, lambda *_: None)
    assert averaged.judged is averaged.average
    assert not torch.equal(weights(averaged.judged), weights(averaged.model))
    assert not torch.equal(weights(averaged.judged), initial)


def test_the_average_does_not_change_what_is_learned(learner):
    (plain, dataset), (averaged, _) = learner(), learner(ema_decay=0.9)
    for each in (plain, averaged):
        each.train_epoch(dataset.train, 1, lambda *_: None)
    assert plain.judged is plain.model
    assert torch.equal(weights(plain.model), weights(averaged.model))


def test_an_epoch_is_the_same_whatever_was_drawn_before(learner):
    (first, dataset), (second, _) = learner(), learner()
    first.train_epoch(dataset.train, 0, lambda *_: None)
    torch.rand(11)
    second.train_epoch(dataset.train, 0, lambda *_: None)
    assert torch.equal(weights(first.model), weights(second.model))


def test_the_noise_of_a_test_is_the_same_for_every_seed_of_the_training(learner):
    noisy = [learner(seed=seed, snr_db={"audio": 0.0}) for seed in (3, 4)]
    (first, dataset), (second, _) = noisy
    awake(first.model, dataset.test.batch(np.arange(5), epoch=0).inputs)
    second.model.load_state_dict(first.model.state_dict())
    found = [each.classify(dataset.test).probabilities for each in (first, second)]
    assert np.array_equal(*found)
    clean = classify(first.model, dataset.test, batch_size=8)
    assert not np.array_equal(found[0], clean.probabilities)


def test_the_noise_of_a_training_may_refer_to_the_raw_input(learner):
    """In training and in the test, noise of the raw input, whose large mean makes it stronger."""
    trained, dataset = learner(snr_db={"audio": 0.0}, snr_of="raw")
    of_raw = GaussianNoise({"audio": 0.0}, trained.settings.seed, raw=dataset.normalisation)
    assert trained.noisy(dataset.train).noise == of_raw
    assert learner(snr_db={"audio": 0.0})[0].noisy(dataset.train).noise == GaussianNoise({"audio": 0.0})
    awake(trained.model, dataset.test.batch(np.arange(5), epoch=0).inputs)
    found = trained.classify(dataset.test).probabilities
    expected = classify(trained.model, dataset.test, batch_size=8, corruption=of_raw)
    assert np.array_equal(found, expected.probabilities)
    other = classify(trained.model, dataset.test, batch_size=8, corruption=GaussianNoise({"audio": 0.0}))
    assert not np.array_equal(found, other.probabilities)


def test_raw_power_that_is_not_known_is_refused(tiny, runtime):
    experiment = tiny(snr_db={"audio": 0.0}, snr_of="raw")
    run = replace(Run.of(experiment, experiment.data.load()), normalisation=Normalisation({}, {}))
    with pytest.raises(ColliculusError, match="mean and deviation of audio"):
        Learner(run, runtime, None)
