from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from colliculus.fusion import TemporalAttentionReadout
from colliculus.fusion.temporal_attention import TemporalAttention, attention_over_steps, time_weights
from colliculus.types import ColliculusError, Fused

T, B, D, K = 4, 3, 6, 5
REDUCTIONS = ["mean", "last", "max", "diagonal"]
PLACES = ["logits", "features", "gate"]


def observed(seed=0, dtype=torch.float32, steps=T):
    return torch.randn(steps, B, D, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def attention(reduction="mean", seed=0):
    torch.manual_seed(seed)
    module = TemporalAttention(D, K, reduction)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def fused(*names, seed=0, steps=T):
    streams = {m: observed(seed + i, steps=steps) for i, m in enumerate("ab")}
    nothing = torch.zeros(steps, B, D)
    parts = {
        "a": torch.cat([streams["a"], nothing], -1),
        "b": torch.cat([nothing, streams["b"]], -1),
    }
    names = names or ("a", "b")
    joint = torch.stack([parts[m] for m in names]).sum(0)
    return Fused(joint=joint, parts={m: parts[m] for m in names}, streams={m: streams[m] for m in names})


def readout(**settings):
    torch.manual_seed(1)
    head = TemporalAttentionReadout(nn.Linear(2 * D, K), {m: nn.Linear(D, K) for m in "ab"}, **settings)
    for module in head.attention.values():
        for parameter in module.parameters():
            nn.init.normal_(parameter)
    return head


def test_attention_and_scores_by_a_slow_loop():
    q, k = observed(0), observed(1)
    found = attention_over_steps(q, k)
    for b in range(B):
        for t in range(T):
            hits = [math.exp(float(q[t, b] @ k[s, b]) / math.sqrt(D)) for s in range(T)]
            assert found[b, t].tolist() == pytest.approx([hit / sum(hits) for hit in hits], rel=1e-4)


def test_reductions_by_hand():
    rows = torch.tensor([[[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.1, 0.4, 0.5]]])
    expected = {
        "mean": [0.3, 0.3, 0.4],
        "last": [0.1, 0.4, 0.5],
        "max": [0.6 / 1.6, 0.4 / 1.6, 0.6 / 1.6],
        "diagonal": [0.6 / 1.3, 0.2 / 1.3, 0.5 / 1.3],
    }
    for reduction, weights in expected.items():
        assert time_weights(rows, reduction)[:, 0].tolist() == pytest.approx(weights)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_scores_sum_to_one_over_the_steps(reduction):
    alpha = attention(reduction)(observed())
    assert alpha.shape == (T, B)
    torch.testing.assert_close(alpha.sum(0), torch.ones(B))
    assert (alpha > 0).all()
    assert (alpha - 1 / T).abs().max() > 0.05


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_single_step_has_all_the_weight(reduction):
    torch.testing.assert_close(attention(reduction)(observed(steps=1)), torch.ones(1, B))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_without_queries_every_step_counts_alike(reduction):
    module = attention(reduction)
    nn.init.zeros_(module.query.weight)
    torch.testing.assert_close(module(observed()), torch.full((T, B), 1 / T))


def test_permuted_steps_permute_the_scores():
    order = torch.tensor([2, 0, 3, 1])
    module = attention()
    torch.testing.assert_close(module(observed()[order]), module(observed())[order])
    last = attention("last")
    assert not torch.allclose(last(observed()[order]), last(observed())[order])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_samples_do_not_meet(reduction):
    module, x = attention(reduction), observed()
    alone = torch.cat([module(x[:, b : b + 1]) for b in range(B)], 1)
    torch.testing.assert_close(module(x), alone)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradients_by_finite_differences(reduction):
    q, k = (observed(seed, torch.float64).requires_grad_() for seed in range(2))
    assert torch.autograd.gradcheck(lambda q, k: time_weights(attention_over_steps(q, k), reduction), (q, k))


@pytest.mark.parametrize("apply_to", PLACES)
@pytest.mark.parametrize("score_input", ["features", "logits"])
@pytest.mark.parametrize("names", ["ab", "a", "b"])
def test_what_an_output_promises(apply_to, score_input, names):
    output = readout(apply_to=apply_to, score_input=score_input)(fused(*names))
    torch.testing.assert_close(output.logits, output.step_logits.mean(0))
    torch.testing.assert_close(sum(output.evidence.values()), output.step_logits)
    assert [*output.evidence] == [*output.modality_logits] == [*output.streams] == [*names]
    assert [*output.time_weights] == [*names, "fused"]
    for alpha in output.time_weights.values():
        torch.testing.assert_close(alpha.sum(0), torch.ones(B))
    assert output.unweighted_logits.shape == output.step_logits.shape == (T, B, K)


def test_where_the_score_acts_by_a_slow_loop():
    head, given = readout(), fused()
    w, b = head.joint.weight, head.joint.bias
    alpha = head.attention["fused"](given.joint)
    for sample in range(B):
        y = sum(alpha[t, sample] * (w @ given.joint[t, sample] + b) for t in range(T))
        pooled = w @ sum(alpha[t, sample] * given.joint[t, sample] for t in range(T)) + b
        gated = torch.stack([w @ (T * alpha[t, sample] * given.joint[t, sample]) + b for t in range(T)])
        seen = {"logits": given.joint[:, sample] @ w.T + b, "features": pooled.expand(T, K), "gate": gated}
        decided = {"logits": y, "features": pooled, "gate": gated.mean(0)}
        for place in PLACES:
            head.apply_to = place
            output = head(given)
            torch.testing.assert_close(output.logits[sample], decided[place])
            torch.testing.assert_close(output.unweighted_logits[:, sample], seen[place])


def test_scores_look_at_what_they_are_told_to():
    head, given = readout(score_input="logits"), fused()
    output = head(given)
    for m in "ab":
        torch.testing.assert_close(output.modality_logits[m], head.own[m](given.streams[m]))
        torch.testing.assert_close(output.time_weights[m], head.attention[m](output.modality_logits[m]))
    torch.testing.assert_close(output.time_weights["fused"], head.attention["fused"](head.joint(given.joint)))


def test_an_absent_modality_has_no_scores_and_leaves_the_other_alone():
    head = readout()
    both, alone = head(fused()), head(fused("a"))
    torch.testing.assert_close(alone.time_weights["a"], both.time_weights["a"])
    torch.testing.assert_close(alone.modality_logits["a"], both.modality_logits["a"])
    torch.testing.assert_close(alone.evidence["a"], alone.step_logits)


@pytest.mark.parametrize("apply_to", PLACES)
def test_detached_scores_teach_nothing(apply_to):
    for detach in (False, True):
        head = readout(apply_to=apply_to, detach=detach)
        output = head(fused())
        assert output.time_weights["a"].requires_grad is not detach
        output.logits.square().sum().backward()
        assert (head.attention["fused"].query.weight.grad is None) is detach


def test_no_modality_may_take_the_name_of_the_joint_stream():
    with pytest.raises(ColliculusError, match="'fused'"):
        TemporalAttentionReadout(nn.Linear(D, K), {"fused": nn.Linear(D, K)})


def test_a_modality_alone_has_all_the_evidence():
    torch.manual_seed(0)
    head = TemporalAttentionReadout(nn.Linear(D, K), {"a": nn.Linear(D, K)})
    h = observed()
    output = head(Fused(joint=h, parts={"a": h}, streams={"a": h}))
    torch.testing.assert_close(output.evidence["a"], output.step_logits)
    assert sorted(name for name, _ in head.attention.named_parameters()) == [
        f"{stream}.{part}.weight" for stream in ("a", "fused") for part in ("key", "query")
    ]
