from __future__ import annotations

import numpy as np
import pytest
import torch

from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.answers import measure_answers
from colliculus.types import ColliculusError

BOTH, PICTURE = frozenset({"audio", "visual"}), frozenset({"visual"})


def one_by_one(model, split, row, given):
    """The probabilities of one clip."""
    inputs = split.batch(np.array([row]), epoch=0).inputs
    with torch.no_grad():
        return model.eval()({m: x for m, x in inputs.items() if m in given}).logits[0].double().softmax(0).numpy()


@pytest.mark.parametrize("given", [BOTH, PICTURE])
@pytest.mark.parametrize("batch_size", [4, 32])
def test_answers_are_those_of_each_clip_by_itself(model, split, given, batch_size):
    found = measure_answers(model, split, given, batch_size=batch_size)
    for row, label in enumerate(split.labels):
        alone = one_by_one(model, split, row, given)
        assert found.probability[row] == pytest.approx(alone[label], abs=1e-5)
        assert found.predicted[row] == alone.argmax()


def test_progress_is_told_and_the_mode_kept(model, split):
    done = []
    model.train()
    measure_answers(model, split, PICTURE, batch_size=4, advance=done.append)
    assert done == [4, 4, 3]
    assert model.training


def test_noise_reaches_what_is_given(model, split):
    clean = measure_answers(model, split, PICTURE, batch_size=4)
    same = measure_answers(model, split, PICTURE, batch_size=4, corruption=GaussianNoise({"audio": -20.0}))
    noisy = measure_answers(model, split, PICTURE, batch_size=4, corruption=GaussianNoise({"visual": -20.0}))
    assert np.array_equal(clean.probability, same.probability)
    assert not np.array_equal(clean.probability, noisy.probability)


def test_a_diverged_model_is_told(model, split):
    with torch.no_grad():
        model.head.linear.bias.fill_(torch.nan)
    with pytest.raises(ColliculusError, match="not finite"):
        measure_answers(model, split, BOTH, batch_size=4)
