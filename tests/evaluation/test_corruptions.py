from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.evaluation.corruptions import GaussianNoise, NoisySplit
from colliculus.types import ColliculusError


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (4, 2, 1, 64, 64)], ids=["static", "sequence"])
def test_every_sample_gets_the_asked_signal_to_noise_ratio(snr_db, shape):
    clean = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    clean.select(-4, 0).mul_(5)  # samples of different loudness
    noise = GaussianNoise({"x": snr_db})({"x": clean}, np.arange(2))["x"] - clean
    for b in range(2):
        signal, added = clean.select(-4, b).square().mean(), noise.select(-4, b).square().mean()
        assert 10 * torch.log10(signal / added).item() == pytest.approx(snr_db, abs=0.2)


@given(cuts=st.sets(st.integers(1, 7)), sequence=st.booleans())
def test_the_noise_is_the_same_however_the_samples_are_batched(cuts, sequence):
    clean = torch.linspace(-1, 1, 8 * 2 * 3 * 3 * 2).reshape((2, 8, 2, 3, 3) if sequence else (8, 4, 3, 3))
    noise, rows = GaussianNoise({"x": 0.0}, seed=3), np.arange(100, 108)
    whole = noise({"x": clean}, rows)["x"]
    bounds = [0, *sorted(cuts), 8]
    parts = [noise({"x": clean.narrow(-4, a, b - a)}, rows[a:b])["x"] for a, b in pairwise(bounds)]
    assert torch.equal(torch.cat(parts, dim=-4), whole)


def test_samples_modalities_and_seeds_get_noise_of_their_own():
    ones = {m: torch.ones(2, 1, 4, 4) for m in ("audio", "visual")}
    snr_db = {"audio": 0.0, "visual": 0.0}
    noisy = GaussianNoise(snr_db)(ones, np.array([0, 1]))
    assert not torch.equal(noisy["audio"][0], noisy["audio"][1])
    assert not torch.equal(noisy["audio"], noisy["visual"])
    assert not torch.equal(GaussianNoise(snr_db, seed=1)(ones, np.array([0, 1]))["audio"], noisy["audio"])


def test_the_inputs_and_the_other_modalities_are_left_alone():
    inputs = {"audio": torch.ones(1, 1, 2, 2), "visual": torch.ones(1, 1, 2, 2)}
    noisy = GaussianNoise({"audio": 0.0})(inputs, np.array([0]))
    assert noisy["visual"] is inputs["visual"]
    assert torch.equal(inputs["audio"], torch.ones(1, 1, 2, 2))
    assert list(noisy) == ["audio", "visual"]


def test_a_negative_seed_is_an_error():
    with pytest.raises(ColliculusError, match="-1"):
        GaussianNoise({}, seed=-1)


@pytest.mark.parametrize("snr_db", [float("nan"), float("inf"), -10000.0])
def test_a_ratio_that_is_none_is_an_error(snr_db):
    with pytest.raises(ColliculusError, match="SNR of audio"):
        GaussianNoise({"audio": snr_db})


def test_noise_of_training_is_drawn_anew_each_epoch_as_a_function_of_the_seed():
    arrays = {"audio": np.ones((6, 1, 4, 4)), "visual": np.ones((6, 1, 4, 4))}
    clean = ArraySplit(arrays, np.arange(6), np.arange(6), Normalisation(mean={}, std={}))
    rows = np.array([4, 1])

    def audio(seed, epoch, chosen=rows):
        split = NoisySplit(clean, GaussianNoise({"audio": 0.0}, seed))
        batch = split.batch(chosen, epoch=epoch)
        assert torch.equal(batch.inputs["visual"], torch.ones(len(chosen), 1, 4, 4))
        assert batch.labels.tolist() == chosen.tolist()
        return batch.inputs["audio"]

    assert torch.equal(audio(0, 3), audio(0, 3))
    assert torch.equal(audio(0, 3)[1], audio(0, 3, np.array([1]))[0])
    assert not torch.equal(audio(0, 3), audio(0, 4))
    assert not torch.equal(audio(0, 3), audio(1, 3))
