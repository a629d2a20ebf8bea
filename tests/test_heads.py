from __future__ import annotations

from itertools import product

import pytest
import torch
from active import assert_active

from colliculus.heads import RateReadout, SumOfReadouts
from colliculus.neurons import LIF
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


def test_rates_are_those_of_output_neurons() -> None:
    """LIF(BN(W h)) by a loop, for the joint feature and each modality; in training the batch gives the statistics."""
    torch.manual_seed(0)
    made = RateReadout(["audio", "visual"], features=F, joint=G, num_classes=K, neuron=LIF)
    for layer in (made.joint, made.own["audio"]):
        torch.nn.init.constant_(layer.norm.weight, 3.0)
    given = fused()
    output = made(given)
    assert_active(output.step_logits)
    assert [*output.modality_logits] == ["audio", "visual"]
    layers = {"joint": (made.joint, given.joint), "audio": (made.own["audio"], given.streams["audio"])}
    for name, (layer, feature) in layers.items():
        mapped = feature @ layer.linear.weight[..., 0].T
        currents = 3 * (mapped - mapped.mean((0, 1))) / (mapped.var((0, 1), correction=0) + 1e-5).sqrt()
        spikes = output.step_logits if name == "joint" else output.modality_logits[name]
        for b, k in product(range(B), range(K)):
            v = 0.0
            for t in range(T):
                v += (currents[t, b, k].item() - v) / 2
                assert abs(v - 1) > 1e-4
                assert spikes[t, b, k].item() == (v >= 1)
                v *= v < 1
    torch.testing.assert_close(output.logits, output.step_logits.mean(0))


def test_a_modality_without_output_neurons_has_none() -> None:
    made = RateReadout([], features=F, joint=G, num_classes=K, neuron=LIF)
    assert made(fused()).modality_logits == {}
    assert made.modules_of("audio") == []
