"""Noise on the sound of AV-Digits, before its spectrogram."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_digits import write_root

from colliculus.data.augment import Augment
from colliculus.data.augment.draws import Draws
from colliculus.data.augment.sound import BackgroundNoise, WaveformAugment
from colliculus.data.av_digits import AVDigits


def digits(tmp_path, **settings):
    write_root(tmp_path)
    waveforms = WaveformAugment(**settings)
    return AVDigits(root=tmp_path, size=16, augment=Augment(waveforms=waveforms, seed=2)).load().train


@pytest.mark.parametrize("kind", ["white", "babble", "other"])
def test_noise_on_the_utterances_of_av_digits(tmp_path, kind) -> None:
    train = digits(tmp_path, noise=BackgroundNoise(probability=1.0, kind=kind, snr_db=(3.0, 3.0)))
    rows = np.array([4, 9])
    noisy, clean = (split.batch(rows, epoch=1).inputs for split in (train, train.split))
    assert torch.equal(noisy["visual"], clean["visual"])
    assert not torch.allclose(noisy["audio"], clean["audio"], atol=0.1)
    assert torch.equal(train.batch(rows[1:], epoch=1).inputs["audio"][0], noisy["audio"][1])
    assert not torch.equal(train.batch(rows, epoch=2).inputs["audio"], noisy["audio"])
    recordings, draws = train.split.recordings(epoch=1)["audio"], Draws.of(2, 1, rows)
    for b, row in enumerate(rows.tolist()):
        sound, key = recordings.waveform(row), Draws(draws.keys[b : b + 1])
        if kind == "white":
            noise = next(key.generators("noise")).standard_normal(len(sound), dtype=np.float32)
        else:
            places = key.uniform("voices", 4 if kind == "babble" else 1)[0]
            voices = [recordings.waveform((row + 1 + int(p * (len(train) - 1))) % len(train)) for p in places]
            fitted = [np.resize(voice, len(sound)) for voice in voices]
            noise = sum(voice / np.sqrt(np.square(voice).mean()) for voice in fitted)
        factor = np.sqrt(np.square(sound).sum() / np.square(noise).sum() / 10**0.3)
        mixture = sound + factor * noise
        made = recordings.made["audio"]((mixture / max(1, np.abs(mixture).max())).astype(np.float32))
        mean, std = (x["audio"][0] for x in (train.split.normalisation.mean, train.split.normalisation.std))
        np.testing.assert_allclose(noisy["audio"][b].numpy(), (made - mean) / std, atol=1e-3)
