from __future__ import annotations

from itertools import product

import pytest
import torch
from active import assert_active, awake
from torch import nn

from colliculus import CMCI, SCA, SCMRL, TAAF, DataSpec, FirstTectum, LateFusion, Tectum, WeightedAttention
from colliculus.evaluation.exchange.modules import (
    derangement,
    find_exchange,
    left_out,
    residual_sizes,
    shuffled,
    silenced,
)
from colliculus.fusion import CrossModalResidual

SPEC = DataSpec(channels={"audio": 1, "visual": 3}, sizes=dict.fromkeys(("audio", "visual"), (16, 16)), num_classes=3)
PAIRS = ("audio_from_visual", "visual_from_audio")


@pytest.fixture
def batch(scmrl):
    return scmrl.batch(scmrl.data.test, range(5)).inputs


@pytest.mark.parametrize(
    ("method", "where"),
    [
        (SCMRL(dim=8, heads=2), "fusion.attention"),
        (SCA(dim=8, heads=2), "fusion.attention"),
        (SCMRL(dim=8, cross_attention="mask"), "fusion.attention"),
        (FirstTectum(dim=8, heads=2), "fusion.fusion.attention"),
        (Tectum(dim=8, heads=2, exchange="attention"), "fusion.attention"),
        (Tectum(dim=8, exchange="mask"), "fusion.attention"),
        *((method, None) for method in (LateFusion(dim=8), CMCI(dim=8), WeightedAttention(dim=8), TAAF(dim=8))),
        (Tectum(dim=8, exchange="none"), None),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_exchange_of_each_method(method, where):
    found = find_exchange(method.model(SPEC))
    assert (found and found.names) == (where and tuple(f"{where}.{pair}" for pair in PAIRS))


@pytest.fixture
def tectum():
    """A Tectum whose joint layer fires, and inputs of five clips."""
    generator = torch.Generator().manual_seed(0)
    inputs = {m: 2 * torch.randn(SPEC.input_shape(m, 5), generator=generator) for m in SPEC.modalities}
    torch.manual_seed(0)
    model = awake(Tectum(dim=16).model(SPEC), inputs)
    with torch.no_grad():
        model.head.joint.weight.normal_()
    return model, inputs


def test_a_joint_layer_that_was_left_out_is_no_exchange(tectum):
    model, _ = tectum
    assert left_out(model) == ()
    model.fusion.join.layer.kept.fill_(False)
    assert left_out(model) == ("fusion.join.layer",)
    assert find_exchange(model) is None
    assert left_out(Tectum(dim=8, exchange="none").model(SPEC)) == ()


def test_the_joint_layer_of_tectum_is_an_exchange(tectum):
    model, inputs = tectum
    exchange = find_exchange(model)
    assert exchange.names == ("fusion.join.layer",)
    with torch.no_grad():
        whole = model(inputs)
        with silenced(exchange):
            found = model(inputs).step_logits
        torch.testing.assert_close(found, sum(whole.modality_logits.values()))
        assert (found - whole.step_logits).abs().max() > 0.01


def test_a_shuffled_joint_layer_meets_another_clip(tectum):
    model, inputs = tectum
    layer, partner = model.fusion.join.layer, derangement(5)
    tokens = {m: model.fusion.mlp[m](x) for m, x in tokens_of(model, inputs).items()}
    with torch.no_grad():
        with shuffled(find_exchange(model)):
            found = model(inputs)
        audio, visual = tokens.values()
        joint = layer({"audio": audio, "visual": visual[:, partner]})
        assert_active(joint)
        own = sum(found.modality_logits.values())
        torch.testing.assert_close(found.step_logits, own + joint @ model.head.joint.weight.T)
        assert (found.step_logits - model(inputs).step_logits).abs().max() > 0.01


def test_silenced_is_alpha_zero(scmrl, batch):
    model = scmrl.model
    exchange = find_exchange(model)
    with torch.no_grad():
        trained = model(batch).logits
        with silenced(exchange):
            found = model(batch).logits
        assert torch.equal(model(batch).logits, trained)  # the hooks are gone
        model.fusion.alpha = 0.0
        expected = model(batch).logits
    torch.testing.assert_close(found, expected)
    assert (found - trained).abs().max() > 0.01


def fused_by_hand(fusion, tokens, partner):
    """The joint feature of S-CMRL clip by clip, where clip b receives from clip partner[b]."""
    joint = []
    for b, other in enumerate(partner):
        total = 0
        for m, sender in (("audio", "visual"), ("visual", "audio")):
            x, y = tokens[m][:, b : b + 1], tokens[sender][:, other : other + 1]
            residual = fusion.semantic[m](fusion.attention[f"{m}_from_{sender}"](x, y))
            total = total + fusion.mlp[m](x + fusion.alpha * residual).mean(-1)
        joint.append(total)
    return torch.cat(joint, dim=1)


def tokens_of(model, inputs):
    return {m: encoder(model.coding[m](inputs[m])) for m, encoder in model.encoders.items()}


def test_shuffled_receives_from_another_clip(scmrl, batch):
    fusion = scmrl.model.fusion
    with torch.no_grad():
        tokens = tokens_of(scmrl.model, batch)
        assert_active(*tokens.values())
        with shuffled(find_exchange(scmrl.model)):
            found = fusion(tokens).joint
        trained = fusion(tokens).joint
        torch.testing.assert_close(trained, fused_by_hand(fusion, tokens, range(5)))
        torch.testing.assert_close(found, fused_by_hand(fusion, tokens, derangement(5).tolist()))
    assert (found - trained).abs().max() > 0.01


@pytest.mark.parametrize("count", range(2, 40))
def test_a_derangement_leaves_no_clip_its_own(count):
    other = derangement(count).tolist()
    assert sorted(other) == list(range(count))
    assert all(i != b for b, i in enumerate(other))


class Joint(nn.Module):
    """A joint layer: the product of the features' means."""

    is_exchange = True

    def forward(self, features):
        first, *others = features.values()
        for x in others:
            first = first * x
        return first


class WithJoint(nn.Module):
    def __init__(self):
        super().__init__()
        self.modalities, self.joint = ("audio", "visual", "tactile"), Joint()

    def left_out_parts(self):
        return {}

    def forward(self, features):
        return sum(features.values()) + self.joint(features)


def test_a_joint_module_is_silenced_and_shuffled():
    model, generator = WithJoint(), torch.Generator().manual_seed(0)
    a, v, t = (torch.randn(2, 4, 3, generator=generator) for _ in range(3))
    features, exchange, partner = {"audio": a, "visual": v, "tactile": t}, find_exchange(model), derangement(4)
    assert exchange.names == ("joint",)
    with silenced(exchange):
        assert torch.equal(model(features), a + v + t)
    with shuffled(exchange):
        assert torch.equal(model(features), a + v + t + a * v[:, partner] * t[:, partner])
    assert torch.equal(model(features), a + v + t + a * v * t)


def test_residual_sizes_by_a_slow_loop(scmrl, batch):
    fusion = scmrl.model.fusion
    with torch.no_grad(), residual_sizes(find_exchange(scmrl.model)) as ratios:
        scmrl.model(batch)
        scmrl.model({m: x.narrow(-4, 0, 2) for m, x in batch.items()})
    assert [[len(x) for x in parts] for parts in ratios.values()] == [[5, 2], [5, 2]]
    with torch.no_grad():
        tokens = tokens_of(scmrl.model, batch)
        for m, sender in (("audio", "visual"), ("visual", "audio")):
            residual = fusion.semantic[m](fusion.attention[f"{m}_from_{sender}"](tokens[m], tokens[sender]))
            assert_active(residual)
            expected = [2.0 * residual[:, b].norm() / tokens[m][:, b].norm() for b in range(5)]
            torch.testing.assert_close(ratios[m][0], torch.stack(expected))


def test_without_semantic_branches_the_residual_is_the_mean_over_the_others(of_three):
    model, inputs = of_three
    with torch.no_grad(), residual_sizes(find_exchange(model)) as ratios:
        model(inputs)
    with torch.no_grad():
        tokens = tokens_of(model, inputs)
        assert_active(*tokens.values())
        sums = dict.fromkeys(tokens, 0.0)
        for m, other in product(tokens, tokens):
            if m != other:
                sums[m] = sums[m] + model.fusion.attention[f"{m}_from_{other}"](tokens[m], tokens[other])
        for m, x in tokens.items():
            expected = torch.stack([2.0 * (sums[m][:, b] / 2).norm() / x[:, b].norm() for b in range(5)])
            assert_active(expected)
            torch.testing.assert_close(ratios[m][0], expected)


def test_a_silent_clip_has_no_ratio(scmrl):
    fusion = scmrl.model.fusion
    assert isinstance(fusion, CrossModalResidual)
    generator = torch.Generator().manual_seed(0)
    tokens = {m: torch.randint(0, 2, (2, 3, 16, 16), generator=generator).float() for m in ("audio", "visual")}
    tokens["audio"][:, 1] = 0
    with torch.no_grad(), residual_sizes(find_exchange(scmrl.model)) as ratios:
        fusion(tokens)
    assert {m: [len(x) for x in parts] for m, parts in ratios.items()} == {"audio": [2], "visual": [3]}


def test_a_residual_in_place_of_the_tokens_has_its_own_size():
    generator = torch.Generator().manual_seed(0)
    inputs = {m: 2 * torch.randn(SPEC.input_shape(m, 5), generator=generator) for m in SPEC.modalities}
    torch.manual_seed(0)
    model = awake(SCMRL(dim=16, heads=4, residual="replace").model(SPEC), inputs)
    exchange, streams = find_exchange(model), dict[str, torch.Tensor]()
    with torch.no_grad(), residual_sizes(exchange) as found:
        for m, mlp in model.fusion.mlp.items():
            mlp.register_forward_pre_hook(lambda _module, given, m=m: streams.update({m: given[0].clone()}))
        model(inputs)
    tokens = tokens_of(model, inputs)
    assert_active(*streams.values(), *tokens.values())
    for m, x in tokens.items():
        torch.testing.assert_close(
            found[m][0], torch.stack([streams[m][:, b].norm() / x[:, b].norm() for b in range(5)])
        )
    with torch.no_grad(), silenced(exchange), residual_sizes(exchange) as none:
        model(inputs)
    assert all(torch.equal(parts[0], torch.zeros(5)) for parts in none.values())
