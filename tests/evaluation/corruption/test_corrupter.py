from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from colliculus.data.dataset import Normalisation
from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.corruption.corrupter import Corrupter
from colliculus.evaluation.corruption.plan import Corruption

ROWS = np.array([2, 5])


@pytest.fixture
def corrupter(model, split):
    return Corrupter(
        model=model,
        split=split,
        normalisation=Normalisation(mean={"visual": (4.0, 1.0)}, std={"visual": (2.0, 1.0)}),
        snr_db={"audio": 0.0},
        attack_steps=3,
    )


@pytest.fixture
def inputs(split):
    return split.batch(ROWS, epoch=0).inputs


def test_zeros_are_raw_and_the_mean_is_that_of_training(corrupter, inputs):
    raw = corrupter(Corruption("missing", ("visual",), "zeros"))(inputs, ROWS)["visual"]
    assert raw.amin((0, 1, 3, 4)).tolist() == raw.amax((0, 1, 3, 4)).tolist() == [-2.0, -1.0]
    assert not corrupter(Corruption("missing", ("visual",), "mean"))(inputs, ROWS)["visual"].any()
    assert not corrupter(Corruption("missing", ("audio",), "zeros"))(inputs, ROWS)["audio"].any()


def test_the_noise_of_the_training_may_be_that_of_the_raw_input(corrupter, inputs):
    known = Normalisation(mean={"audio": (4.0,)}, std={"audio": (2.0,)})
    raw = replace(corrupter, normalisation=known, snr_of="raw")
    found = raw(Corruption("blur", ("visual",), 1.0))(inputs, ROWS)["audio"]
    assert torch.equal(found, GaussianNoise({"audio": 0.0}, raw=known)(inputs, ROWS)["audio"])
    assert not torch.equal(found, GaussianNoise({"audio": 0.0})(inputs, ROWS)["audio"])


def test_the_noise_of_the_training_stays_unless_noise_is_measured(corrupter, inputs):
    learned = GaussianNoise({"audio": 0.0})(inputs, ROWS)["audio"]
    blurred = corrupter(Corruption("blur", ("visual",), 1.0))(inputs, ROWS)
    assert torch.equal(blurred["audio"], learned)
    assert not torch.equal(blurred["visual"], inputs["visual"])
    other = corrupter(Corruption("white", ("visual",), 5.0, 1))(inputs, ROWS)
    assert torch.equal(other["audio"], learned)
    assert torch.equal(other["visual"], GaussianNoise({"visual": 5.0}, seed=1)(inputs, ROWS)["visual"])
    same = corrupter(Corruption("pink", ("audio",), 5.0, 1))(inputs, ROWS)
    assert torch.equal(same["audio"], GaussianNoise({"audio": 5.0}, seed=1, colour="pink")(inputs, ROWS)["audio"])
    assert torch.equal(corrupter(Corruption("missing", ("visual",), "absent"))(inputs, ROWS)["audio"], learned)


@pytest.mark.parametrize(
    "corruption",
    [
        Corruption("occlusion", ("visual",), 0.5, 1),
        Corruption("drops", ("visual",), 0.34),
        Corruption("shift", ("visual",), -1.0),
        Corruption("fgsm", ("visual",), 0.1),
        Corruption("pgd", ("visual",), 0.1, 1),
    ],
    ids=lambda c: c.kind,
)
def test_every_kind_changes_what_it_names(corrupter, inputs, corruption):
    corrupter.model.eval()
    found = corrupter(corruption)(inputs, ROWS)["visual"]
    assert found.shape == inputs["visual"].shape
    assert not torch.equal(found, inputs["visual"])
    assert torch.equal(found, corrupter(corruption)(inputs, ROWS)["visual"])
