"""The augmentation of the presets for few samples, by the kind of a modality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colliculus.data.augment import SMALL_DATA, AugmentedSplit
from colliculus.data.augment.warp import Warp
from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit

N, K = 23, 4


@pytest.mark.parametrize("kind", ["pictures", "spectrograms", "maps"])
def test_the_recipe_for_small_data_knows_the_kinds(kind) -> None:
    """Images are turned, spectrograms lose bands, and maps of unknown meaning neither; light changes in all."""
    rows = np.broadcast_to(np.arange(-20.0, 21.0), (N, 1, 41, 41)).swapaxes(2, 3).copy()  # the same along a row
    split = ArraySplit({"m": rows}, np.arange(N) % K, np.arange(N), Normalisation({"m": (5.0,)}, {"m": (1.0,)}))
    recipe = replace(SMALL_DATA, maps=replace(SMALL_DATA.maps, warp=Warp()))
    got = AugmentedSplit(split, recipe, {"m": kind}, K).batch(np.arange(N), epoch=0).inputs["m"][:, 0]
    hidden = (got.diff(dim=1) == 0).all(dim=1)  # columns behind the mean
    tilted = got.diff(dim=2).abs().flatten(1).median(dim=1).values > 0.01
    assert (bool(tilted.any()), bool(hidden.any())) == (kind == "pictures", kind == "spectrograms")
    slopes = got.diff(dim=1).flatten(1).median(dim=1).values
    assert 0.85 < slopes.min() < 0.99
    assert 1.01 < slopes.max() < 1.15
