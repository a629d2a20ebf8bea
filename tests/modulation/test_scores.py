from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch

from colliculus.layers import own_logits
from colliculus.modulation.scores import (
    mean_score,
    modality_correct,
    ratios,
    shares,
    shares_or_own_logits,
)
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError, Output

ALONE = Runtime(device=torch.device("cpu"))


@dataclass
class Rank:
    """One of two ranks, which adds what the other gave."""

    other: torch.Tensor | int = 0
    rank: int = 0
    world_size: int = 2
    given: list[torch.Tensor] = field(default_factory=list)

    def sum(self, value):
        self.given.append(value)
        return value + self.other


def test_the_score_is_the_mean_probability_of_the_right_class():
    logits = torch.tensor([[0.0, 0.0], [2.0, 0.0]])  # softmax: 1/2, e^2 / (e^2 + 1) = 0.880797 for class 0
    assert mean_score({"a": logits}, torch.tensor([0, 0]), ALONE)["a"] == pytest.approx((0.5 + 0.880797) / 2, rel=1e-6)
    assert mean_score({"a": logits}, torch.tensor([0, 1]), ALONE)["a"] == pytest.approx((0.5 + 0.119203) / 2, rel=1e-6)


def test_ranks_with_different_numbers_of_samples_find_the_score_of_one_process():
    generator = torch.Generator().manual_seed(0)
    logits = {m: torch.randn(5, 3, generator=generator) for m in ("a", "b")}
    labels = torch.tensor([0, 1, 2, 1, 0])
    alone = mean_score(logits, labels, ALONE)
    parts = [({m: x[rows] for m, x in logits.items()}, labels[rows]) for rows in (slice(0, 3), slice(3, 5))]
    silent = [Rank(), Rank()]
    for rank, part in zip(silent, parts, strict=True):
        mean_score(*part, rank)
    for rank in range(2):
        found = mean_score(*parts[rank], Rank(silent[1 - rank].given[0]))
        assert found == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"a": 0.8, "v": 0.4}, {"a": 2.0, "v": 0.5}),
        ({"a": 0.6, "v": 0.3, "t": 0.1}, {"a": 3.0, "v": 0.3 / 0.35, "t": 0.1 / 0.45}),
        ({"a": 0.3}, {"a": 1.0}),
    ],
)
def test_the_ratio_compares_with_the_mean_of_the_others(scores, expected):
    assert ratios(scores) == pytest.approx(expected)


def test_a_modality_without_any_probability_is_no_division_by_zero():
    assert ratios({"a": 0.5, "v": 0.0})["a"] > 1e6
    assert ratios({"a": 0.0, "v": 0.0}) == {"a": 0.0, "v": 0.0}


def test_steps_count_as_the_method_weighs_them():
    steps = torch.tensor([0.0, 4.0])[:, None, None].expand(2, 1, 3)
    output = Output(steps.mean(0), steps, {"a": steps}, modality_logits={"a": steps})
    assert shares(output)["a"].tolist() == own_logits(output)["a"].tolist() == [[2.0] * 3]
    weights = {"fused": torch.tensor([[0.25], [0.75]]), "a": torch.tensor([[0.75], [0.25]])}
    weighed = replace(output, time_weights=weights)
    assert shares(weighed)["a"].tolist() == [[2.0] * 3]  # the evidence is weighed already: it sums to the step logits
    assert own_logits(weighed)["a"].tolist() == [[1.0] * 3]


def test_a_fusion_without_shares_is_judged_by_own_heads_and_without_these_not_at_all():
    logits = torch.eye(2)[None]
    output = Output(logits[0], logits, {}, modality_logits={"a": logits})
    assert torch.equal(shares_or_own_logits(output, "x")["a"], logits[0])
    with pytest.raises(ColliculusError, match=r"balance x .* set unimodal_loss"):
        shares_or_own_logits(replace(output, modality_logits={}), "x")


def test_a_modality_is_right_by_its_own_head_before_its_share():
    share, own = torch.eye(2)[None], torch.eye(2).flip(0)[None]
    output = Output(share[0], share, {"a": share})
    assert modality_correct(output, torch.tensor([0, 0]))["a"].tolist() == [True, False]
    assert modality_correct(replace(output, modality_logits={"a": own}), torch.tensor([0, 0]))["a"].tolist() == [
        False,
        True,
    ]


def test_one_modality_has_a_score_and_no_rival():
    score = mean_score({"a": torch.zeros(2, 4)}, torch.tensor([0, 1]), ALONE)
    assert score == {"a": 0.25}
    assert ratios(score) == {"a": 1.0}
