from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import exp

import numpy as np
import pytest
import torch

from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.evaluation.corruption.corrupter import Corrupter
from colliculus.evaluation.corruption.frames import blur, constant, drop_frames, occlude, shift
from colliculus.evaluation.corruption.plan import Corruption
from colliculus.types import ColliculusError


def draws(count, seed=0):
    return [np.random.default_rng((seed, row)) for row in range(count)]


def pictures(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(2, 3, 6, 5), (4, 2, 3, 6, 5)], ids=["static", "sequence"])
def test_a_blur_is_that_of_a_slow_loop(shape):
    x, sigma, reach = pictures(*shape), 0.8, 3
    found = blur(x, sigma)
    assert found.shape == x.shape
    weights = [exp(-((k / sigma) ** 2) / 2) for k in range(-reach, reach + 1)]
    weights = [w / sum(weights) for w in weights]
    planes, blurred = x.flatten(0, -3), found.flatten(0, -3)
    for i, j in product(range(6), range(5)):
        expected = sum(
            weights[u + reach] * weights[v + reach] * planes[:, min(max(i + u, 0), 5), min(max(j + v, 0), 4)]
            for u, v in product(range(-reach, reach + 1), repeat=2)
        )
        torch.testing.assert_close(blurred[:, i, j], expected)


def test_a_constant_picture_cannot_be_blurred():
    x = torch.full((2, 1, 9, 9), 3.0)
    torch.testing.assert_close(blur(x, 2.5), x)


def test_a_patch_covers_its_share_in_one_place_at_all_steps():
    x = torch.ones(4, 2, 3, 8, 12)
    found = occlude(x, 0.25, draws(2))
    covered = found == 0
    assert covered.sum(dim=(-2, -1)).unique().tolist() == [4 * 6]
    for sample in covered.unbind(1):
        assert (sample == sample[0, 0]).all()
        rows, columns = (sample[0, 0].any(axis).nonzero().flatten() for axis in (1, 0))
        assert (len(rows), len(columns)) == (4, 6)
        assert (rows.diff() == 1).all()
        assert (columns.diff() == 1).all()


@pytest.fixture
def corrupter():
    mean, std = {"x": (0.5,)}, {"x": (2.0,)}
    normalisation = Normalisation(mean=mean, std=std)
    split = ArraySplit({}, np.arange(64), np.arange(64), normalisation)
    return Corrupter(model=None, split=split, normalisation=normalisation, snr_db={}, attack_steps=1)


def test_places_differ_between_samples_seeds_and_modalities(corrupter):
    x = torch.ones(64, 1, 16, 16)
    rows = np.arange(64)
    found = corrupter(Corruption("occlusion", ("x", "y"), 0.1))({"x": x, "y": x}, rows)
    assert len({tuple(picture.flatten().tolist()) for picture in found["x"]}) > 32
    assert not torch.equal(found["x"], found["y"])
    other = corrupter(Corruption("occlusion", ("x",), 0.1, seed=1))({"x": x}, rows)
    assert not torch.equal(found["x"], other["x"])


@pytest.mark.parametrize(("share", "lost"), [(0.0, 0), (0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_so_many_steps_of_every_sample_are_lost(share, lost):
    x = torch.ones(4, 2, 3, 5, 5)
    found = drop_frames(x, share, draws(2))
    per_frame = found.mean(dim=(2, 3, 4))
    assert set(per_frame.unique().tolist()) <= {0.0, 1.0}
    assert (per_frame == 0).sum(dim=0).tolist() == [lost, lost]


def test_a_sequence_comes_late_or_early():
    x = torch.arange(4.0).reshape(4, 1, 1, 1, 1)
    assert shift(x, 1).flatten().tolist() == [3, 0, 1, 2]
    assert shift(x, -1).flatten().tolist() == [1, 2, 3, 0]


def test_nothing_but_a_constant_comes():
    found = constant(pictures(3, 2, 2, 4, 4), (0.5, -2.0))
    assert found.shape == (3, 2, 2, 4, 4)
    assert found.amin((0, 1, 3, 4)).tolist() == found.amax((0, 1, 3, 4)).tolist() == [0.5, -2.0]


CORRUPTIONS = [
    Corruption("blur", ("x",), 1.0),
    Corruption("occlusion", ("x",), 0.3),
    Corruption("drops", ("x",), 0.5),
    Corruption("shift", ("x",), 1.0),
    Corruption("missing", ("x",), "zeros"),
]


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.kind)
@pytest.mark.parametrize("snr_db", [{}, {"x": 5.0}], ids=["clean", "noisy"])
def test_a_batch_decides_nothing_and_others_are_left_alone(corrupter, corruption, snr_db):
    corrupt = replace(corrupter, snr_db=snr_db)(corruption)
    x, rows = pictures(4, 6, 1, 8, 8), np.arange(20, 26)
    inputs = {"x": x.clone(), "y": x.clone()}
    whole = corrupt(inputs, rows)
    assert whole["y"] is inputs["y"]
    assert torch.equal(inputs["x"], x)
    assert not torch.equal(whole["x"], x)
    parts = [corrupt({"x": x[:, a:b]}, rows[a:b])["x"] for a, b in ((0, 1), (1, 4), (4, 6))]
    assert torch.equal(torch.cat(parts, dim=1), whole["x"])


def test_a_lone_clean_input_is_left_as_it_is(corrupter):
    x = torch.ones(1, 1, 4, 4)
    assert corrupter(None)({"x": x}, np.array([0]))["x"] is x


@pytest.mark.parametrize(
    "corrupt", [lambda x: drop_frames(x, 0.5, draws(2)), lambda x: shift(x, 1)], ids=["drops", "shift"]
)
def test_a_static_input_has_no_steps(corrupt):
    with pytest.raises(ColliculusError, match="a static input cannot"):
        corrupt(torch.ones(2, 1, 4, 4))
