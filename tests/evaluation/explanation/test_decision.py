from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from colliculus.evaluation.anytime import outputs_by_step
from colliculus.evaluation.explanation.decision import choose_examples, decisions
from colliculus.types import Output


def test_an_explanation_by_hand():
    audio = torch.tensor([[[0.0, 0.0, 3.0]], [[0.0, 0.0, 3.0]]])  # T = 2, B = 1, K = 3
    visual = torch.tensor([[[2.0, 0.0, 0.0]], [[2.0, 0.0, 0.0]]])
    steps = audio + visual
    early = torch.tensor([[[1.0, 0.0, 0.0]]])
    whole = Output(steps.mean(0), steps, {"audio": audio, "visual": visual})
    found = decisions([Output(early[0], early, {}), whole], ["x", "y", "z"])[0]
    odds, odds_early = np.exp([2.0, 0.0, 3.0]), np.exp([1.0, 0.0, 0.0])
    assert found.predicted == "z"
    assert found.probability == pytest.approx(odds[2] / odds.sum())
    assert list(found.probabilities.values()) == pytest.approx(odds / odds.sum())
    assert found.evidence == pytest.approx({"audio": 3 - 1, "visual": 0 - 2 / 3})
    assert found.step_probabilities == pytest.approx([odds_early[2] / odds_early.sum(), odds[2] / odds.sum()])


def test_the_last_step_says_what_the_model_says_and_each_sample_speaks_for_itself(model, split):
    outputs = outputs_by_step(model, split.batch(np.arange(4), epoch=0).inputs, 2)
    found = decisions(outputs, "abc")
    for explanation, logits in zip(found, outputs[-1].logits, strict=True):
        assert explanation.step_probabilities[-1] == pytest.approx(explanation.probability, rel=1e-5)
        assert explanation.predicted == "abc"[logits.argmax()]
        gap = logits.max() - logits.mean()
        assert sum(explanation.evidence.values()) == pytest.approx(gap.item(), abs=1e-4)
    json.dumps([asdict(explanation) for explanation in found])


def test_half_of_the_examples_are_the_worst_mistakes():
    labels = np.array([0, 0, 1, 1, 2, 2, 0, 1])
    predicted = np.array([0, 1, 1, 0, 2, 0, 0, 1])
    probability = np.array([0.9, 0.2, 0.6, 0.1, 0.8, 0.3, 0.95, 0.7])
    assert choose_examples(predicted, labels, probability, 4) == [3, 1, 6, 4]  # the surest right ones of two classes
    assert choose_examples(predicted, labels, probability, 6) == [3, 1, 5, 6, 7, 4]  # one of each class
    assert sorted(choose_examples(predicted, labels, probability, 100)) == list(range(8))


def test_without_mistakes_all_examples_are_right():
    labels = np.array([0, 1, 2, 0])
    assert sorted(choose_examples(labels, labels, np.array([0.5, 0.6, 0.7, 0.8]), 3)) == [1, 2, 3]
    nothing_right = choose_examples((labels + 1) % 3, labels, np.array([0.4, 0.1, 0.2, 0.3]), 3)
    assert nothing_right == [1, 2, 3]
