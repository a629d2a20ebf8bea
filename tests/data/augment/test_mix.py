from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from colliculus.data.augment.boxes import boxes
from colliculus.data.augment.draws import Draws
from colliculus.data.augment.mix import CutMix, Mixing, Mixup
from colliculus.types import Batch, ColliculusError

K = 5


def batch_of(count):
    """Static sound and pictures of two steps, time first, of different sizes."""
    generator = torch.Generator().manual_seed(0)
    inputs = {
        "audio": torch.randn(count, 1, 6, 8, generator=generator),
        "visual": torch.randn(2, count, 3, 10, 5, generator=generator),
    }
    return Batch(inputs, torch.arange(count) % K)


def copied(batch):
    return Batch({m: x.clone() for m, x in batch.inputs.items()}, batch.labels.clone())


def mixing(rows, shares, cut, places=None):
    places = np.zeros((len(rows), 2)) if places is None else places
    return Mixing(np.array(rows), np.zeros(len(rows), np.int64), np.array(shares), np.array(cut), places)


def test_mixup_by_hand() -> None:
    batch = batch_of(6)
    got = mixing([0, 3], [0.75, 0.2], [False, False])(copied(batch), K)
    assert {m: x.shape[-4] for m, x in got.inputs.items()} == {"audio": 4, "visual": 4}
    for row, partner, share in ((0, 4, 0.75), (3, 5, 0.2)):
        for m, x in batch.inputs.items():
            own, other = x.movedim(-4, 0)[row], x.movedim(-4, 0)[partner]
            torch.testing.assert_close(got.inputs[m].movedim(-4, 0)[row], share * own + (1 - share) * other)
    for m, x in batch.inputs.items():
        assert torch.equal(got.inputs[m].movedim(-4, 0)[1:3], x.movedim(-4, 0)[1:3])
        assert got.inputs[m].is_contiguous()
    expected = [[0.75, 0, 0, 0, 0.25], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0.8, 0, 0, 0.2, 0]]
    torch.testing.assert_close(got.labels, torch.tensor(expected))


def test_cutmix_by_hand() -> None:
    """Half the height and width of the other sample's, at the bottom left."""
    batch = batch_of(3)
    got = mixing([1], [0.75], [True], np.array([[0.99, 0.0]]))(copied(batch), K)
    audio = batch.inputs["audio"][1].clone()
    audio[:, 3:6, 0:4] = batch.inputs["audio"][2, :, 3:6, 0:4]
    visual = batch.inputs["visual"][:, 1].clone()
    visual[..., 5:10, 0:2] = batch.inputs["visual"][:, 2, :, 5:10, 0:2]
    assert torch.equal(got.inputs["audio"][1], audio)
    assert torch.equal(got.inputs["visual"][:, 1], visual)
    other = (12 / 48 + 10 / 50) / 2
    torch.testing.assert_close(got.labels[1], torch.tensor([0, 1 - other, other, 0, 0]))
    assert torch.equal(got.inputs["audio"][0], batch.inputs["audio"][0])


def test_the_label_says_how_many_pixels_are_whose() -> None:
    """A batch of zeros whose partners are ones: the mean of the pixels is the weight of the partner."""
    draws = Draws.of(0, 0, np.arange(300))
    drawn = Mixing.draw(Mixup(), CutMix(probability=1), draws, 300)
    values = torch.cat([torch.zeros(300, 1, 9, 7), torch.ones(300, 1, 9, 7)])
    labels = (torch.arange(600) >= 300).long()
    got = drawn(Batch({"x": values}, labels), 2)
    torch.testing.assert_close(got.inputs["x"].mean(dim=(1, 2, 3)), got.labels[:, 1])
    assert got.labels.sum(1).allclose(torch.ones(300))
    assert np.array_equal(boxes((9, 7), 1 - drawn.shares, np.ones(300), drawn.places)[:, :2].min(axis=0), [0, 0])


def test_shares_partners_and_ways_are_drawn_as_they_should() -> None:
    draws = Draws.of(0, 0, np.arange(6000))
    drawn = Mixing.draw(Mixup(probability=0.3, alpha=0.4), CutMix(probability=0.5, alpha=1.0), draws, 50)
    assert len(drawn.rows) / 6000 == pytest.approx(0.8, abs=0.02)
    assert drawn.cut.mean() == pytest.approx(5 / 8, abs=0.03)
    assert stats.kstest(drawn.shares[~drawn.cut], "beta", args=(0.4, 0.4)).pvalue > 0.01
    assert stats.kstest(drawn.shares[drawn.cut], "uniform").pvalue > 0.01
    assert stats.chisquare(np.bincount(drawn.partners, minlength=50)).pvalue > 0.01


def test_what_is_not_mixed_has_a_one_hot_label_and_is_bit_for_bit_itself() -> None:
    batch = batch_of(4)
    got = Mixing.draw(Mixup(), CutMix(), Draws.of(0, 0, np.arange(4)), 4)(copied(batch), K)
    assert torch.equal(got.labels, torch.eye(K)[:4])
    assert all(torch.equal(got.inputs[m], x) for m, x in batch.inputs.items())


@pytest.mark.parametrize("make", [lambda: Mixup(alpha=0.0), lambda: CutMix(probability=3), lambda: CutMix(alpha=-1.0)])
def test_settings_out_of_range_are_refused(make) -> None:
    with pytest.raises(ColliculusError, match=r"of (mixup|cutmix)"):
        make()
