from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.data.noise import GaussianNoise, NoisySplit, pink, white_noise
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


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 20.0])
@pytest.mark.parametrize("shape", [(2, 3, 32, 48), (4, 2, 1, 32, 48)], ids=["static", "sequence"])
def test_pink_noise_has_its_ratio_exactly_in_every_sample(snr_db, shape):
    clean = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    noise = GaussianNoise({"x": snr_db}, colour="pink")({"x": clean}, np.array([5, 6]))["x"] - clean
    for i in range(2):
        signal, added = (x.select(-4, i).double() for x in (clean, noise))
        ratio = signal.square().mean() / added.square().mean()
        assert 10 * torch.log10(ratio) == pytest.approx(snr_db, abs=1e-4)
        assert added.mean() == pytest.approx(0, abs=1e-5)


def test_every_octave_of_pink_noise_has_as_much_power():
    white = np.random.default_rng(0).standard_normal((64, 128, 128)).astype(np.float32)
    power = np.square(np.abs(np.fft.fft2(pink(white)))).mean(axis=0)
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128))
    octaves = [power[(frequency >= low) & (frequency < 2 * low)].sum() for low in (1 / 32, 1 / 16, 1 / 8, 1 / 4)]
    assert octaves == pytest.approx([np.mean(octaves)] * 4, rel=0.12)
    flat = np.square(np.abs(np.fft.fft2(white))).mean(axis=0)
    assert flat[frequency >= 1 / 4].sum() > 10 * flat[(frequency > 0) & (frequency < 1 / 16)].sum()  # white is not so


def test_a_frame_of_one_value_has_no_colour():
    white = np.ones((2, 3, 1, 1), dtype=np.float32)
    assert pink(white) is white


def test_white_is_what_it_was_before_noise_had_colours():
    ones = {"x": torch.ones(1, 1, 2, 2)}
    drawn = np.random.default_rng((3, crc32(b"x"), 7)).standard_normal((1, 2, 2), dtype=np.float32)
    assert torch.equal(GaussianNoise({"x": 0.0}, seed=3)(ones, np.array([7]))["x"][0], 1 + torch.from_numpy(drawn))


def test_the_ratio_to_the_raw_input_is_that_of_its_power():
    raw = Normalisation({"x": (4.0, -2.0)}, {"x": (2.0, 0.5)})
    clean = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 2, 64, 64)).astype(np.float32))
    noisy = GaussianNoise({"x": 10.0}, raw=raw)({"x": clean}, np.array([3, 4]))["x"]
    mean, std = (torch.tensor(values["x"]).reshape(2, 1, 1) for values in (raw.mean, raw.std))
    for before, after in zip(clean * std + mean, noisy * std + mean, strict=True):
        power, added = before.square().mean().item(), (after - before).square().mean().item()
        assert 10 * np.log10(power / added) == pytest.approx(10, abs=0.1)
        assert (after - before)[0].std().item() == pytest.approx((after - before)[1].std().item(), rel=0.05)
    without = GaussianNoise({"x": 10.0}, raw=Normalisation({}, {}))({"x": clean}, np.array([3, 4]))["x"]
    assert torch.equal(without, GaussianNoise({"x": 10.0})({"x": clean}, np.array([3, 4]))["x"])
    assert (noisy - clean).std() > 2 * (without - clean).std()


def test_the_noise_of_a_run_refers_to_the_input_that_its_settings_name():
    known, ratios = Normalisation({"x": (4.0,)}, {"x": (2.0,)}), {"x": 10.0}
    assert white_noise({}, "raw", Normalisation({}, {})) is None
    assert white_noise(ratios, "standardised", known, 3) == GaussianNoise(ratios, 3)
    assert white_noise(ratios, "raw", known, 3) == GaussianNoise(ratios, 3, raw=known)
    with pytest.raises(ColliculusError, match="mean and deviation of y before it was standardised are not known"):
        white_noise(ratios | {"y": 0.0}, "raw", known)
