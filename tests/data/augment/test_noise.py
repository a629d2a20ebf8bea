from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from colliculus.data.augment.draws import Draws
from colliculus.data.augment.noise import SampleNoise
from colliculus.data.noise import GaussianNoise
from colliculus.types import ColliculusError

N = 300
DRAWS = Draws.of(0, 0, np.arange(N))


def clean():
    generator = torch.Generator().manual_seed(0)
    return {
        "audio": torch.randn(N, 1, 8, 8, generator=generator),
        "touch": 5 * torch.randn(3, N, 2, 1, 6, generator=generator),
    }


def added(noise, draws=DRAWS, inputs=None):
    """Noise on each sample, (N, values), by modality."""
    before = inputs or clean()
    after = noise(before, draws)
    return {m: (x - before[m]).movedim(-4, 0).flatten(1) for m, x in after.items()}


def test_the_numbers_are_normal_and_independent() -> None:
    drawn = Draws.of(3, 1, np.arange(40)).normal("x", 5001)
    assert drawn.shape == (40, 5001)
    assert stats.kstest(drawn.ravel()[::3], "norm").pvalue > 0.01
    assert abs(stats.kurtosis(drawn.ravel())) < 0.05
    halves = np.corrcoef(drawn[:, :2500].ravel(), drawn[:, 2501:].ravel())[0, 1]  # cosine and sine of one angle
    assert abs(halves) < 0.01
    assert np.abs(np.corrcoef(drawn) - np.eye(40)).max() < 0.07
    assert np.abs(drawn).max() < 6.7


def test_the_ratio_is_uniform_between_its_bounds() -> None:
    before = clean()
    for m, noise in added(SampleNoise(probability=1.0, snr_db=(-6.0, 10.0))).items():
        power = before[m].movedim(-4, 0).flatten(1).square().mean(dim=1)
        snr_db = 10 * torch.log10(power / noise.square().mean(dim=1)).numpy()
        assert -8.5 < snr_db.min() < -4
        assert 8 < snr_db.max() < 12.5
        assert stats.kstest(snr_db, stats.uniform(-6, 16).cdf).pvalue > 0.01


def test_one_ratio_gives_the_deviation_of_the_noise_of_tests() -> None:
    inputs = clean()
    ours = added(SampleNoise(probability=1.0, snr_db=(3.0, 3.0)), inputs=inputs)
    theirs = added(lambda x, _: GaussianNoise(dict.fromkeys(x, 3.0))(x, np.arange(N)), inputs=inputs)
    for m in inputs:
        assert ours[m].std().item() == pytest.approx(theirs[m].std().item(), rel=0.02)


def test_each_modality_of_each_sample_is_drawn_on_its_own() -> None:
    noisy = {m: (x != 0).any(dim=1) for m, x in added(SampleNoise(probability=0.4)).items()}
    shares = {m: chosen.float().mean().item() for m, chosen in noisy.items()}
    assert all(0.32 < share < 0.48 for share in shares.values())
    both = (noisy["audio"] & noisy["touch"]).float().mean().item()
    assert 0.1 < both < 0.23  # 0.16 if independent
    same = clean()["audio"]
    noises = added(SampleNoise(probability=1.0, snr_db=(0.0, 0.0)), inputs={"a": same, "b": same})
    assert abs(np.corrcoef(noises["a"].ravel(), noises["b"].ravel())[0, 1]) < 0.02


def test_samples_without_a_modality_stay_zero_and_the_inputs_stay_as_they_are() -> None:
    inputs = clean()
    inputs["audio"][:7] = 0
    kept = {m: x.clone() for m, x in inputs.items()}
    noisy = SampleNoise(probability=1.0)(inputs, DRAWS)
    assert not noisy["audio"][:7].any()
    assert noisy["audio"][7:].isfinite().all()
    assert all(torch.equal(inputs[m], x) for m, x in kept.items())


def test_off_it_is_the_inputs_themselves() -> None:
    inputs = clean()
    assert SampleNoise()(inputs, DRAWS) is inputs


@pytest.mark.parametrize("wrong", [{"probability": 1.1}, {"snr_db": (5.0, -5.0)}, {"snr_db": (0.0, 500.0)}])
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ColliculusError, match=rf"`{next(iter(wrong))}` of the noise"):
        SampleNoise(**wrong)
