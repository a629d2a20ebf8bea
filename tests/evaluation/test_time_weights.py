from __future__ import annotations

from dataclasses import replace
from math import isnan

import numpy as np
import pytest
import torch

from colliculus.evaluation.time_weights import class_means, measure_time_weights
from colliculus.methods import TAAF


@pytest.fixture
def taaf(split, model):
    """Scores that differ from step to step and from sample to sample."""
    torch.manual_seed(1)
    made = TAAF(dim=8, encoder="shallow", time_steps=3).model(model.spec)
    with torch.no_grad():
        for attention in made.head.attention.values():
            attention.query.weight.normal_()
            attention.key.weight.normal_()
        for _ in range(10):
            made(split.batch(np.arange(len(split)), epoch=0).inputs)
    return made


def test_the_mean_of_a_class_is_that_of_a_slow_loop():
    torch.manual_seed(0)
    weights = torch.rand(5, 40, dtype=torch.float64).softmax(0)
    labels = torch.randint(0, 4, (40,))
    found = class_means(weights, labels, 5)
    for k in range(4):
        for t in range(5):
            values = [weights[t, b].item() for b in range(40) if labels[b] == k]
            assert found[k, t].item() == pytest.approx(sum(values) / len(values), rel=1e-12)
    assert found[4].isnan().all()


def test_measured_scores_are_those_of_the_output_however_the_samples_are_cut(taaf, split):
    whole = split.batch(np.arange(len(split)), epoch=0)
    parts = [split.batch(rows, epoch=0) for rows in np.split(np.arange(len(split)), [4, 5])]
    found = measure_time_weights(taaf, parts)
    weights = taaf.eval()(whole.inputs).time_weights
    assert [*found] == ["audio", "visual", "fused"]
    for stream, measured in found.items():
        rows = [[weights[stream][t, whole.labels == k].mean().item() for t in range(3)] for k in range(3)]
        assert np.allclose(measured.by_class, rows, atol=1e-6)
        assert np.allclose(measured.mean, weights[stream].mean(1).detach(), atol=1e-6)
        assert np.allclose(np.sum(measured.by_class, axis=1), 1, atol=1e-6)
    assert np.ptp(found["fused"].by_class, axis=0).max() > 1e-3


def test_a_class_without_a_sample_has_no_row(taaf, split):
    batch = split.batch(np.flatnonzero(split.labels != 1), epoch=0)
    measured = measure_time_weights(taaf, [batch])["audio"]
    assert measured.by_class[1] is None
    assert not any(isnan(x) for row in (*measured.by_class[::2], measured.mean) for x in row)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_handed_back_as_it_came(taaf, split, training):
    taaf.train(training)
    before = {name: value.clone() for name, value in taaf.state_dict().items()}
    measure_time_weights(taaf, [split.batch(np.arange(4), epoch=0)])
    assert taaf.training is training
    assert all(torch.equal(value, before[name]) for name, value in taaf.state_dict().items())


def test_a_model_that_counts_every_step_alike_has_none(model, split):
    batch = split.batch(np.arange(4), epoch=0)
    assert measure_time_weights(model, [batch]) == {}
    assert measure_time_weights(model, [replace(batch, labels=batch.labels * 0)]) == {}
