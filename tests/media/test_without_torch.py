"""NumPy's arithmetic agrees with PyTorch's, which data are prepared with, up to rounding."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from colliculus.media.resize import resize, to_levels
from colliculus.media.spectrogram import Spectrogram
from colliculus.media.without_torch import asked, without_torch


@pytest.mark.parametrize("old", [(7, 5), (28, 28), (240, 320), (1, 90)])
@pytest.mark.parametrize("new", [(3, 4), (32, 32), (11, 128), (1, 1)])
def test_frames_are_resized_as_by_torch(old, new):
    image = np.random.default_rng(0).integers(0, 256, (*old, 3)).astype(np.uint8)
    planes = image.transpose(2, 0, 1)
    torch_planes, torch_levels = resize(planes, new), to_levels(image, new, 1)
    with without_torch():
        assert asked()
        np.testing.assert_allclose(resize(planes, new), torch_planes, atol=1e-3)  # of 255
        levels = to_levels(image, new, 1)
    assert not asked()
    differing = levels.astype(int) - torch_levels.astype(int)
    assert np.abs(differing).max() <= 1  # a level between two whole ones may be rounded to either
    assert np.count_nonzero(differing) <= 0.01 * differing.size


@pytest.mark.parametrize(
    "settings", [{}, {"scale": "mel"}, {"n_fft": 255, "hop": 100}, {"steps": 4}, {"scale": "mel", "steps": 3}]
)
def test_spectra_are_those_of_torch(settings):
    generator = np.random.default_rng(1)
    sound = np.rint(generator.normal(size=22_050) * 3000).astype(np.int16) / np.float32(32768)
    sound[:4000] = 0  # silence is exactly silence in both
    spectrogram = Spectrogram(size=(48, 64), **settings)
    expected = spectrogram(sound)
    with without_torch():
        found = spectrogram(sound)
    assert found.dtype == expected.dtype == np.float32
    assert expected.std() > 1
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_torch_is_not_imported():
    program = (
        "import numpy as np, sys; from colliculus.media.spectrogram import Spectrogram\n"
        "from colliculus.media.without_torch import without_torch\n"
        "with without_torch(): Spectrogram(size=(8, 8))(np.zeros(3000, np.float32))\n"
        "print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
