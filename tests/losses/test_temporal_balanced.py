from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from colliculus.losses import (
    FusedTemporalBalanced,
    Objective,
    TemporalBalanced,
    UnimodalTemporalBalanced,
    temporal_balanced,
)
from colliculus.types import ColliculusError, Output

T, B, K = 3, 4, 5
LABELS = torch.tensor([0, 4, 2, 0])


def logits(seed=0, steps=T, dtype=torch.float32):
    return torch.randn(steps, B, K, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def weights(seed=0, steps=T, dtype=torch.float32):
    return torch.rand(steps, B, generator=torch.Generator().manual_seed(seed + 9), dtype=dtype).softmax(0)


def output(**own):
    z = logits(7)
    return Output(
        z.mean(0),
        z,
        {},
        modality_logits=own,
        time_weights={m: weights(i) for i, m in enumerate((*own, "fused"))},
        unweighted_logits=logits(8),
    )


def test_it_by_hand():
    z = torch.tensor([[[0.0, 0.0]], [[math.log(3), 0.0]]])  # probabilities of class 0: 1/2 and 3/4
    alpha = torch.tensor([[0.25], [0.75]])
    by_hand = -(0.25 * math.log(1 / 2) + 0.75 * math.log(3 / 4))
    assert temporal_balanced(z, alpha, torch.tensor([0])).item() == pytest.approx(by_hand)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_it_by_a_slow_loop(smoothing):
    z, alpha, total = logits(), weights(), 0.0
    for b in range(B):
        target = [smoothing / K + (1 - smoothing) * (i == LABELS[b].item()) for i in range(K)]
        for t in range(T):
            log_sum = math.log(sum(math.exp(v) for v in z[t, b].tolist()))
            total -= alpha[t, b].item() * sum(target[i] * (z[t, b, i].item() - log_sum) for i in range(K))
    assert temporal_balanced(z, alpha, LABELS, smoothing).item() == pytest.approx(total / B, rel=1e-5)


def test_one_step_is_plain_cross_entropy():
    z = logits(steps=1)
    torch.testing.assert_close(
        temporal_balanced(z, torch.ones(1, B), LABELS, 0.1),
        functional.cross_entropy(z[0], LABELS, label_smoothing=0.1),
    )


def test_even_steps_are_the_mean_of_cross_entropies():
    z = logits()
    mean = torch.stack([functional.cross_entropy(step, LABELS) for step in z]).mean()
    torch.testing.assert_close(temporal_balanced(z, torch.full((T, B), 1 / T), LABELS), mean)
    z = logits(seed=3)
    plain = Output(z.mean(0), z, {}, modality_logits={"a": z})  # a model that weighs no steps
    mean = torch.stack([functional.cross_entropy(step, LABELS) for step in z]).mean()
    torch.testing.assert_close(FusedTemporalBalanced(TemporalBalanced())(plain, LABELS), mean)
    torch.testing.assert_close(UnimodalTemporalBalanced(TemporalBalanced())(plain, LABELS)["a"], mean)


def test_regularisers_by_hand():
    z, alpha = logits(), weights()
    base = temporal_balanced(z, alpha, LABELS, 0.1).item()
    squares = sum((v - 1) ** 2 for v in z.flatten().tolist()) / z.numel()
    of_mean = functional.cross_entropy(z.mean(0), LABELS, label_smoothing=0.1).item()
    for regulariser, expected in [
        ("none", base),
        ("tet", 0.7 * base + 0.3 * squares),
        ("mean_ce", 0.7 * base + 0.3 * of_mean),
    ]:
        weight = {} if regulariser == "none" else {"regulariser_weight": 0.3}
        loss = TemporalBalanced(label_smoothing=0.1, regulariser=regulariser, **weight)
        assert loss(z, alpha, LABELS).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("regulariser", ["none", "tet", "mean_ce"])
def test_gradients_by_finite_differences(regulariser):
    loss = TemporalBalanced(label_smoothing=0.1, regulariser=regulariser)
    z, alpha = (f(dtype=torch.float64).requires_grad_() for f in (logits, weights))
    assert torch.autograd.gradcheck(lambda z, alpha: loss(z, alpha, LABELS), (z, alpha))


def test_detached_weights_are_constants():
    for detach in (False, True):
        z, alpha = logits().requires_grad_(), weights().requires_grad_()
        TemporalBalanced(detach_weights=detach)(z, alpha, LABELS).backward()
        assert (alpha.grad is None) is detach
        assert z.grad.any()


def test_named_terms_of_the_joint_stream_and_of_each_modality():
    loss, given = TemporalBalanced(label_smoothing=0.1), output(a=logits(1), b=logits(2))
    own = UnimodalTemporalBalanced(loss, {"b": 0.25})
    terms = Objective({"task": FusedTemporalBalanced(loss)}, per_modality={"unimodal": own})(given, LABELS)
    assert [*terms] == ["task", "unimodal_a", "unimodal_b"]
    alpha = given.time_weights
    torch.testing.assert_close(terms["task"], temporal_balanced(logits(8), alpha["fused"], LABELS, 0.1))
    torch.testing.assert_close(terms["unimodal_a"], temporal_balanced(logits(1), alpha["a"], LABELS, 0.1))
    torch.testing.assert_close(terms["unimodal_b"], 0.25 * temporal_balanced(logits(2), alpha["b"], LABELS, 0.1))


def test_weights_out_of_range_are_refused():
    with pytest.raises(ColliculusError, match="regulariser_weight"):
        TemporalBalanced(regulariser_weight=1.5)
    with pytest.raises(ColliculusError, match="audio's own loss is -1"):
        UnimodalTemporalBalanced(TemporalBalanced(), {"audio": -1.0})


@pytest.mark.parametrize(
    "term", [FusedTemporalBalanced(TemporalBalanced()), UnimodalTemporalBalanced(TemporalBalanced())]
)
def test_narrow_numbers_are_widened_before_the_loss(term):
    generator = torch.Generator().manual_seed(0)
    steps = 3 * torch.randn(3, 4, 5, generator=generator).bfloat16()
    weights = torch.rand(3, 4, generator=generator).softmax(0).bfloat16()

    def loss(z, alpha):
        output = Output(
            z.mean(0), z, {}, modality_logits={"a": z}, time_weights={"a": alpha, "fused": alpha}, unweighted_logits=z
        )
        found = term(output, torch.tensor([0, 1, 2, 3]))
        return found["a"] if isinstance(found, dict) else found

    assert loss(steps, weights).dtype == torch.float32
    assert torch.equal(loss(steps, weights), loss(steps.float(), weights.float()))


def test_the_ends_of_every_range_are_allowed_and_nothing_beyond():
    for weight in (0.0, 1.0):
        assert TemporalBalanced(regulariser="tet", regulariser_weight=weight).regulariser_weight == weight
    for weight in (-0.1, 1.1):
        with pytest.raises(ColliculusError, match="regulariser_weight"):
            TemporalBalanced(regulariser="tet", regulariser_weight=weight)
    assert UnimodalTemporalBalanced(TemporalBalanced(), {"audio": 0.0, "visual": 0.5}).weights["audio"] == 0.0
    with pytest.raises(ColliculusError, match="visual's own loss is inf"):
        UnimodalTemporalBalanced(TemporalBalanced(), {"audio": 0.0, "visual": math.inf})
