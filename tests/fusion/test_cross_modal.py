from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from active import assert_active, awake

from colliculus.fusion import (
    REFERENCE,
    Concat,
    CrossModalAttention,
    CrossModalResidual,
    CrossModalSettings,
    Sum,
)
from colliculus.fusion.cross_modal import SemanticBranch
from colliculus.fusion.places import TokensAtPlaces, nearest_tokens
from colliculus.layers import SpikingAttention
from colliculus.neurons import NeuronSettings
from colliculus.types import ColliculusError

T, B, D = 3, 2, 16
OURS = CrossModalSettings()


def tokens(seed=0, **counts):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randint(0, 3, (T, B, D, n), generator=generator).float() for m, n in counts.items()}


def residual_fusion(grids, **changes):
    options = {
        "dim": D,
        "heads": 4,
        "alpha": 1.5,
        "branches": "spatiotemporal",
        "alignment": True,
        "join": Sum(),
        "neuron": NeuronSettings(),
        "settings": OURS,
    }
    return CrossModalResidual(grids, **{**options, **changes})


def test_nearest_tokens_of_any_two_grids_by_a_slow_loop() -> None:
    for target, source in [((2, 3), (3, 5)), ((5, 3), (2, 2)), ((1, 4), (3, 1))]:
        expected = [
            (row * source[0] // target[0]) * source[1] + column * source[1] // target[1]
            for row in range(target[0])
            for column in range(target[1])
        ]
        assert nearest_tokens(target, source).tolist() == expected


def test_nearest_tokens_by_hand() -> None:
    assert nearest_tokens((2, 2), (2, 2)).tolist() == [0, 1, 2, 3]
    assert nearest_tokens((1, 2), (2, 4)).tolist() == [0, 2]
    assert nearest_tokens((3, 1), (2, 3)).tolist() == [0, 0, 3]


@pytest.mark.parametrize("arithmetic", [REFERENCE, OURS], ids=["reference", "ours"])
def test_two_branches_meet_as_the_formula_says(arithmetic) -> None:
    torch.manual_seed(0)
    x, y = tokens(a=4, b=4).values()
    attention = CrossModalAttention(D, 4, grids=((2, 2), (2, 2)), settings=arithmetic)
    attention = awake(attention, x, y, current=2.0)  # the reference, which does not normalise, needs more
    s, m, got = attention.spatial(x, y), attention.temporal(x, y), attention(x, y)
    assert_active(s, m, got)
    both = 0
    for t, b, c, n in product(range(T), range(B), range(D), range(4)):
        over_tokens, over_steps = s[t, b, c].mean().item(), m[:, b, c, n].mean().item()
        both += bool(over_tokens and over_steps)
        union = over_tokens + over_steps + over_tokens * over_steps
        expected = over_tokens * over_steps if arithmetic is REFERENCE else union
        assert got[t, b, c, n].item() == pytest.approx(expected, abs=1e-6)
    assert both


@pytest.mark.parametrize("branches", ["spatial", "temporal"])
def test_one_branch_alone_is_the_residual(branches) -> None:
    torch.manual_seed(0)
    x, y = tokens(a=4, b=4).values()
    attention = awake(CrossModalAttention(D, 4, grids=((2, 2), (2, 2)), branches=branches), x, y)
    alone = attention.spatial if branches == "spatial" else attention.temporal
    assert_active(alone(x, y))
    assert torch.equal(attention(x, y), alone(x, y))
    assert sum(isinstance(layer, SpikingAttention) for layer in attention.modules()) == 1


def test_modalities_may_differ_in_their_grids() -> None:
    fusion = residual_fusion({"audio": (2, 3), "visual": (3, 3)})
    fused = fusion(tokens(audio=6, visual=9))
    assert fused.joint.shape == (T, B, D)
    assert {m: r.shape for m, r in fused.residual.items()} == {"audio": (T, B, D), "visual": (T, B, D)}


def test_every_modality_receives_from_every_other() -> None:
    torch.manual_seed(0)
    given = tokens(a=4, b=4, c=4)
    fusion = awake(residual_fusion({"a": (2, 2), "b": (2, 2), "c": (2, 2)}, alignment=False), given)
    assert set(fusion.attention) == {"a_from_b", "a_from_c", "b_from_a", "b_from_c", "c_from_a", "c_from_b"}
    from_a = fusion.attention["b_from_a"](given["b"], given["a"])
    from_c = fusion.attention["b_from_c"](given["b"], given["c"])
    assert_active(from_a, from_c)
    torch.testing.assert_close(fusion(given).residual["b"], ((from_a + from_c) / 2).mean(-1))


def test_stream_is_tokens_plus_alpha_residual_and_mlp() -> None:
    torch.manual_seed(0)
    given = tokens(audio=4, visual=4)
    fusion = awake(residual_fusion({"audio": (2, 2), "visual": (2, 2)}, alpha=0.7, alignment=False), given)
    assert_active(*fusion(given).residual.values())
    streams = {
        m: fusion.mlp[m](given[m] + 0.7 * fusion.attention[f"{m}_from_{o}"](given[m], given[o]))
        for m, o in (("audio", "visual"), ("visual", "audio"))
    }
    torch.testing.assert_close(fusion(given).joint, streams["audio"].mean(-1) + streams["visual"].mean(-1))


@pytest.mark.parametrize("alignment", [False, True])
@pytest.mark.parametrize("arithmetic", [REFERENCE, OURS], ids=["reference", "ours"])
def test_what_is_received_replaces_the_tokens_by_a_slow_loop(arithmetic, alignment) -> None:
    """x' = r for every step, clip, channel and token, where r is the mean over the others."""
    torch.manual_seed(0)
    given = tokens(a=4, b=4, c=4)
    fusion = residual_fusion(
        dict.fromkeys(given, (2, 2)), residual="replace", alignment=alignment, settings=arithmetic, alpha=math.nan
    )
    for name, value in fusion.named_parameters():
        if "semantic" in name:
            value.data.mul_(20)  # the reference, which does not normalise here, starts silent
    fusion = awake(fusion, given, current=2.0)
    seen = {}
    for m in given:
        fusion.mlp[m].register_forward_pre_hook(lambda _module, inputs, m=m: seen.__setitem__(m, inputs[0]))
    fused = fusion(given)
    assert_active(*seen.values())
    for m, stream in seen.items():
        sent = [fusion.attention[f"{m}_from_{other}"](given[m], y) for other, y in given.items() if other != m]
        expected = torch.zeros_like(stream)
        for t, b, c, n in product(range(T), range(B), range(D), range(4)):
            expected[t, b, c, n] = sum(each[t, b, c, n].item() for each in sent) / 2
        expected = fusion.semantic[m](expected) if alignment else expected
        torch.testing.assert_close(stream, expected)
        torch.testing.assert_close(fused.residual[m], expected.mean(-1))


def test_where_nothing_is_received_the_tokens_stay() -> None:
    """A modality alone, and a training sample whose residual is dropped."""
    torch.manual_seed(0)
    given = tokens(a=4, b=4)
    settings = replace(OURS, dropout=0.5)
    fusion = residual_fusion(dict.fromkeys(given, (2, 2)), residual="replace", alignment=False, settings=settings)
    fusion = awake(fusion, given)
    alone = fusion({"a": given["a"]}).joint
    torch.testing.assert_close(alone, fusion.mlp["a"](given["a"]).mean(-1))
    x, r = torch.zeros(T, 4000, 1, 1), torch.ones(T, 4000, 1, 1)
    left = fusion.train()._replace(x, r)
    assert set(left.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(left, left[:1].expand(T, -1, -1, -1))
    assert left.mean().item() == pytest.approx(0.5, abs=0.03)
    assert fusion.eval()._replace(x, r) is r


@pytest.mark.parametrize("join", [Sum(), Concat("abc")], ids=["sum", "concat"])
def test_parts_sum_to_the_joint_feature(join) -> None:
    fused = join(tokens(a=4, b=9, c=1))
    assert fused.joint.shape[-1] == (D if isinstance(join, Sum) else 3 * D)
    torch.testing.assert_close(sum(fused.parts.values()), fused.joint)


def test_concat_parts_are_slices() -> None:
    given = tokens(a=4, b=9)
    fused = Concat(["a", "b"])(given)
    torch.testing.assert_close(fused.parts["b"][..., D:], given["b"].mean(-1))
    assert fused.parts["b"][..., :D].abs().max() == 0


def test_an_absent_modality_leaves_its_slice_empty_and_gives_no_residual() -> None:
    given = tokens(a=4)
    fused = Concat(["a", "b"])(given)
    assert fused.joint.shape[-1] == 2 * D
    assert fused.joint[..., D:].abs().max() == 0
    torch.manual_seed(0)
    fusion = residual_fusion({"a": (2, 2), "b": (2, 2), "c": (2, 2)}, alignment=False)
    fusion, two = awake(fusion, tokens(a=4, b=4, c=4)), tokens(a=4, b=4)
    assert_active(fusion(two).residual["a"])
    torch.testing.assert_close(fusion(two).residual["a"], fusion.attention["a_from_b"](two["a"], two["b"]).mean(-1))
    torch.testing.assert_close(fusion(given).joint, fusion.mlp["a"](given["a"]).mean(-1))


def test_dropout_leaves_out_whole_residuals_in_training_alone() -> None:
    torch.manual_seed(0)
    fusion = residual_fusion({"a": (2, 2), "b": (2, 2)}, settings=replace(OURS, dropout=0.3))
    ones = torch.ones(T, 4000, D, 4)
    left = fusion._drop(ones)
    kept = left[0, :, 0, 0]
    assert set(kept.tolist()) == {0.0, 1.0}
    assert torch.equal(left, ones * kept[:, None, None])
    assert kept.mean().item() == pytest.approx(0.7, abs=0.03)
    assert fusion.eval()._drop(ones) is ones
    never = residual_fusion({"a": (2, 2), "b": (2, 2)}, settings=REFERENCE)
    assert never._drop(ones) is ones


def test_semantic_branch_maps_channels_of_every_token() -> None:
    torch.manual_seed(0)
    branch = SemanticBranch(D, normalise=False)
    residual = torch.rand(T, B, D, 5) * 8
    currents = torch.einsum("ed,tbdn->tben", branch.linear.weight, residual) + branch.linear.bias[:, None]
    assert_active(branch(residual))
    assert torch.equal(branch(residual), branch.neuron(currents))


def silent_layers(arithmetic):
    from colliculus.neurons import SpikingNeuron

    torch.manual_seed(0)
    fusion = residual_fusion({"audio": (3, 3), "visual": (3, 3)}, settings=arithmetic)
    rates = {}
    for name, module in fusion.named_modules():
        if isinstance(module, SpikingNeuron):
            module.register_forward_hook(lambda _m, _i, out, name=name: rates.__setitem__(name, out.mean().item()))
    sparse = {m: (torch.rand(4, 32, D, 9) < 0.04).float() for m in ("audio", "visual")}
    fusion(sparse)
    return {name for name, rate in rates.items() if rate < 0.01}


def test_the_reference_starts_silent_and_ours_does_not() -> None:
    assert any(name.startswith("semantic") for name in silent_layers(REFERENCE))
    assert silent_layers(OURS) == set()
    assert silent_layers(replace(OURS, normalise=False)) != set()


@pytest.mark.parametrize(
    "bad", [{"scale": 0.0}, {"threshold": 0.0}, {"scale": math.inf}, {"dropout": 1.0}, {"dropout": -0.1}]
)
def test_settings_of_the_path_out_of_range_are_refused(bad) -> None:
    with pytest.raises(ColliculusError, match=next(iter(bad))):
        CrossModalSettings(**bad)


def test_places_follow_from_the_grids_and_are_not_saved() -> None:
    tokens = torch.tensor([5.0, 7.0])
    module = TokensAtPlaces((2, 2), (1, 2))
    assert module(tokens, 4).tolist() == [5.0, 7.0, 5.0, 7.0]
    assert not module.state_dict()
    for target, source in ((None, None), (None, (1, 2)), ((1, 2), None)):
        assert TokensAtPlaces(target, source)(tokens, 2) is tokens
