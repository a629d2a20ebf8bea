from __future__ import annotations

from itertools import product

import pytest
import torch
from active import assert_active

from colliculus.heads import SumOfReadouts
from colliculus.types import Fused

T, B, F, G, K = 3, 2, 4, 5, 3
MODALITIES = ("audio", "visual", "touch")


def head(joint=G):
    torch.manual_seed(0)
    made = SumOfReadouts(MODALITIES, features=F, joint=joint, num_classes=K)
    for p in made.parameters():
        torch.nn.init.normal_(p)
    return made


def fused(*present, joint=None):
    generator = torch.Generator().manual_seed(1)
    streams = {m: torch.randn(T, B, F, generator=generator) for m in MODALITIES}
    feature = torch.randn(T, B, G, generator=generator) if joint is None else joint
    return Fused(joint=feature, parts={}, streams={m: streams[m] for m in present or MODALITIES})


@pytest.mark.parametrize("joint", [G, None], ids=["joint", "streams alone"])
@pytest.mark.parametrize("present", [MODALITIES, ("visual",), ("touch", "audio")], ids=len)
def test_logits_are_the_sum_of_the_readouts(joint, present) -> None:
    made, given = head(joint), fused(*present)
    output = made(given)
    for t, b, k in product(range(T), range(B), range(K)):
        expected = 0.0
        for m in present:
            weight, bias = made.own[m].weight, made.own[m].bias
            own = sum(weight[k, f].item() * given.streams[m][t, b, f].item() for f in range(F)) + bias[k].item()
            assert output.modality_logits[m][t, b, k].item() == pytest.approx(own, abs=1e-5)
            expected += own
        if joint is not None:
            expected += sum(made.joint.weight[k, g].item() * given.joint[t, b, g].item() for g in range(G))
        assert output.step_logits[t, b, k].item() == pytest.approx(expected, abs=1e-5)
    torch.testing.assert_close(output.logits, output.step_logits.mean(0))
    assert [*output.modality_logits] == [*present]


def test_a_silent_joint_feature_adds_nothing() -> None:
    made = head()
    silent, alone = made(fused(joint=torch.zeros(T, B, G))), head()
    alone.joint = None
    assert_active(silent.logits)
    assert torch.equal(silent.step_logits, alone(fused()).step_logits)


def test_evidence_is_the_own_readout_where_the_logits_are_the_sum_of_these() -> None:
    output = head(None)(fused())
    torch.testing.assert_close(sum(output.evidence.values()), output.step_logits)
    assert head()(fused()).evidence == {}


def test_each_modality_has_a_readout_of_its_own() -> None:
    made = head()
    for m in MODALITIES:
        (own,) = made.modules_of(m)
        assert own is made.own[m]
    assert {tuple(own.weight.shape) for own in made.own.values()} == {(K, F)}
    assert tuple(made.joint.weight.shape) == (K, G)
    assert made.joint.bias is None
