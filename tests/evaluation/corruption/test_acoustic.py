"""Noise on waveforms at the ratio that is asked for, against a slow calculation with the spectrogram's own settings."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest
import torch
from small_digits import write_root

from colliculus.data.av_digits import AVDigits
from colliculus.evaluation.corruption.acoustic import AcousticNoise
from colliculus.evaluation.corruption.corrupter import sounds_of

ROWS = np.array([7, 2, 11])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    write_root(folder)
    return folder


@pytest.fixture
def data(root):
    return AVDigits(root=root, size=16, delta=True).load()


def mixtures(noise, rows):
    """Clean sounds and what the noise adds, before the spectrogram."""
    recordings = noise.split.recordings(epoch=0)[noise.name]
    clean = [recordings.waveform(int(row)) for row in rows]
    return clean, [noise._noisy(recordings, int(row)) for row in rows]


@pytest.mark.parametrize("kind", ["acoustic", "babble"])
@pytest.mark.parametrize("snr_db", [20.0, 0.0, -10.0])
def test_the_ratio_of_powers_is_exact_even_where_it_would_be_clipped(data, kind, snr_db):
    for clean, mixed in zip(*mixtures(AcousticNoise(data.test, "audio", snr_db, kind), ROWS), strict=True):
        assert np.abs(mixed).max() <= 1 + 1e-6
        # mixed = g (clean + noise): least squares over the gain, whatever it is, must leave the stated power
        gains = np.linspace(0.02, 1.0, 200_000) if np.abs(mixed).max() > 0.999 else np.ones(1)
        own, cross, power = (float(a.astype(float) @ b) for a, b in ((mixed, mixed), (mixed, clean), (clean, clean)))
        noise_power = own / gains**2 - 2 * cross / gains + power
        ratios = 10 * np.log10(power / noise_power)
        assert np.abs(ratios - snr_db).min() < 0.01


def test_inputs_are_made_from_the_noisy_sound_as_from_the_clean_one(data):
    settings = AVDigits(size=16, delta=True)
    noise = AcousticNoise(data.test, "audio", 0.0, "acoustic", seed=3)
    before = data.test.batch(ROWS, epoch=0).inputs
    after = noise(before, ROWS)
    assert after["visual"] is before["visual"]
    _, mixed = mixtures(noise, ROWS)
    for m, make in (("audio", settings.spectrogram), ("delta", settings.spectral_delta)):
        expected = np.stack([make(wave) for wave in mixed])
        mean, std = data.normalisation.mean[m][0], data.normalisation.std[m][0]
        np.testing.assert_allclose(after[m].numpy(), (expected - mean) / std, atol=1e-5)
        assert not torch.allclose(after[m], before[m], atol=0.1)


def test_almost_no_noise_gives_the_clean_inputs(data):
    before = data.test.batch(ROWS, epoch=0).inputs
    quiet = AcousticNoise(data.test, "audio", 150.0, "babble")(before, ROWS)
    for m, x in before.items():
        torch.testing.assert_close(quiet[m], x, atol=1e-3, rtol=0)


def test_noise_of_a_sample_depends_on_its_row_and_the_seed_alone(data):
    def noisy(rows, **settings):
        chosen = np.array(rows)
        return AcousticNoise(data.test, "audio", -5.0, **settings)(data.test.batch(chosen, epoch=0).inputs, chosen)

    for kind in ("acoustic", "babble"):
        together, alone = noisy([7, 2], kind=kind)["audio"], noisy([2], kind=kind)["audio"]
        assert torch.equal(together[1], alone[0])
        assert not torch.equal(noisy([2], kind=kind, seed=1)["audio"], alone)


def test_babble_is_made_of_other_clips_of_the_same_part(root):
    test = AVDigits(root=root, size=16).load().test
    recordings, heard = test.recordings(epoch=0)["audio"], set()
    for row in range(0, len(test), 10):
        noise = AcousticNoise(test, "audio", 0.0, "babble")
        drawn = np.random.default_rng((0, crc32(b"audio"), row))
        voices = recordings.voices(row, drawn.random(4).tolist())
        own = recordings.waveform(row)
        assert not any(voice is own for voice in voices)
        power = sum(np.resize(v, len(own)) / np.sqrt(np.square(np.resize(v, len(own))).mean()) for v in voices)
        added = power * np.sqrt(float(own @ own) / float(power @ power))
        mixture = own + added
        np.testing.assert_allclose(
            noise._noisy(recordings, row), mixture / max(1, np.abs(mixture).max()), rtol=1e-3, atol=1e-4
        )
        heard |= {id(voice) for voice in voices}
    assert heard <= {id(recordings.waveform(row)) for row in range(len(test))}
    assert len(heard) > 10


def test_sounds_of_a_split(data, root):
    assert sounds_of(data.test) == sounds_of(data.train) == {"audio": ("audio", "delta")}
    assert sounds_of(data.train.at_epoch(1)) == {}
    moving = AVDigits(root=root, size=16, task="lag").load().test
    before = moving.batch(ROWS, epoch=0).inputs
    after = AcousticNoise(moving, "audio", 0.0, "acoustic")(before, ROWS)["audio"]
    silent = (before["audio"] == before["audio"].amin()).flatten(2).all(dim=2).all(dim=1)
    assert silent.tolist() == [True, True, False, False, False, False, True, True]
    assert torch.equal(after[silent], before["audio"][silent])
    assert not torch.allclose(after[~silent], before["audio"][~silent], atol=0.1)
