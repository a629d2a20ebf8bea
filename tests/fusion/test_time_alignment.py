from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from colliculus.fusion import AlignedTokens, Concat, TimeAligned, WeightedSum, alignment
from colliculus.fusion.time_alignment import ConvAlignment, Interpolation, TimeWarp, interpolation, over_steps, warp
from colliculus.layers import per_modality, resample
from colliculus.types import ColliculusError

B, D = 3, 8
LENGTHS = [(4, 4), (6, 4), (3, 5), (8, 2), (1, 4), (5, 1), (1, 1)]


def stream(steps, seed=0, dtype=torch.float32):
    return torch.rand(steps, B, D, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(source=st.integers(1, 9), target=st.integers(1, 9))
def test_interpolation_is_that_of_pytorch(source, target):
    matrix = interpolation(source, target)
    torch.testing.assert_close(over_steps(matrix, stream(source)), resample(stream(source), target, "linear"))
    torch.testing.assert_close(matrix.sum(1), torch.ones(target))


def test_interpolation_of_equal_lengths_is_the_identity():
    assert torch.equal(interpolation(5, 5), torch.eye(5))


@pytest.mark.parametrize("name", ["conv", "warp", "interpolate"])
@pytest.mark.parametrize(("source", "target"), LENGTHS)
def test_alignment_changes_nothing_at_first(name, source, target):
    aligned = alignment(name, source, target, D)(stream(source))
    torch.testing.assert_close(aligned, resample(stream(source), target, "linear"))
    if source == target:
        torch.testing.assert_close(aligned, stream(source))


def test_identity_keeps_its_steps_and_refuses_to_change_them():
    assert torch.equal(alignment("identity", 4, 4, D)(stream(4)), stream(4))
    with pytest.raises(ColliculusError, match=r"6 steps .* 4 are wanted: choose interpolate"):
        alignment("identity", 6, 4, D)


def test_warp_by_a_slow_loop():
    positions, width = torch.tensor([0.2, 1.7, 3.1]), torch.tensor(0.6)
    matrix = warp(positions, width, 5)
    for t, g in enumerate(positions.tolist()):
        hits = [math.exp(-((s - g) ** 2) / (2 * 0.6**2)) for s in range(5)]
        assert matrix[t].tolist() == pytest.approx([hit / sum(hits) for hit in hits], rel=1e-5)


@pytest.mark.parametrize(("source", "target"), LENGTHS)
def test_the_warp_begins_at_the_middles_and_never_goes_back(source, target):
    module = TimeWarp(source, target)
    begins = [(t + 0.5) * source / target - 0.5 for t in range(target)]
    assert module.positions().tolist() == pytest.approx(begins, abs=1e-5)
    torch.nn.init.normal_(module.raw_increments, std=5)
    assert (module.positions().diff() > 0).all()
    matrix = module.correction + warp(module.positions(), module.log_width.exp(), source)
    torch.testing.assert_close(matrix.sum(1), torch.ones(target))


def test_a_warp_one_step_late_is_a_lag_of_one_step():
    module = TimeWarp(6, 6)
    with torch.no_grad():
        module.start += 1
    x = stream(6)
    torch.testing.assert_close(module(x)[:5], x[1:], atol=0.06, rtol=0)  # but for the blur of the window
    assert (module(x)[:5] - x[:5]).abs().max() > 0.3


def test_conv_mixes_in_its_spikes():
    torch.manual_seed(0)
    module = ConvAlignment(6, 4, D)
    torch.nn.init.normal_(module.matrix)
    moved = torch.einsum("ts,sbd->tbd", module.matrix, stream(6))
    standard = (moved - moved.mean((0, 1))) / (moved.var((0, 1), correction=0) + 1e-5).sqrt()
    spikes = module.neuron(standard)
    assert 0 < spikes.mean() < 1
    for mix in (1.0, 0.25):
        torch.nn.init.constant_(module.mix, mix)
        torch.testing.assert_close(module(stream(6)), (1 - mix) * moved + mix * spikes)


def test_gradients_of_the_warp_by_finite_differences():
    module, x = TimeWarp(5, 3).double(), stream(5, dtype=torch.float64).requires_grad_()
    names, values = zip(*module.named_parameters(), strict=True)
    buffers = dict(module.named_buffers())

    def run(x, *values):
        return functional_call(module, buffers | dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(run, (x, *values))


def test_gradients_of_the_conv_by_finite_differences():
    """Exact where the mix is zero; a spike's own derivative is a surrogate and has no differences to compare with."""
    module, x = ConvAlignment(5, 3, D).double().eval(), stream(5, dtype=torch.float64).requires_grad_()
    torch.nn.init.constant_(module.norm.running_mean, 0.5)
    torch.nn.init.constant_(module.norm.running_var, 0.02)  # so that it fires
    buffers = dict(module.named_buffers())

    def run(x, matrix, mix):
        return functional_call(module, buffers | {"matrix": matrix, "mix": mix}, (x,))

    assert torch.autograd.gradcheck(run, (x, module.matrix, module.mix))


@pytest.mark.parametrize("name", ["conv", "warp"])
def test_alignment_learns_a_lag(name):
    torch.manual_seed(0)
    module = alignment(name, 6, 6, D)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)

    def loss(seed):
        x = stream(6, seed)
        return (module(x)[:5] - x[1:]).square().mean()

    before = loss(0).item()
    for seed in range(1, 150):
        optimizer.zero_grad()
        loss(seed).backward()
        optimizer.step()
    assert loss(0).item() < 0.1 * before


def tokens(**steps):
    return {m: torch.rand(t, B, D, 5, generator=torch.Generator().manual_seed(t)) for m, t in steps.items()}


@pytest.mark.parametrize("join", [Concat("abc"), WeightedSum("abc")], ids=["concat", "sum"])
def test_streams_of_different_lengths_are_joined(join):
    steps = {"a": 6, "b": 4, "c": 1}
    fusion = TimeAligned({m: alignment("conv", t, 4, D) for m, t in steps.items()}, join)
    given = tokens(**steps)
    fused = fusion(given)
    for m, x in given.items():
        torch.testing.assert_close(fused.streams[m], resample(x.mean(-1), 4, "linear"))
    assert fused.joint.shape == (4, B, 3 * D if isinstance(join, Concat) else D)
    torch.testing.assert_close(sum(fused.parts.values()), fused.joint)
    without = fusion({m: given[m] for m in ("a", "c")})
    assert [*without.streams] == ["a", "c"]
    torch.testing.assert_close(without.streams["a"], fused.streams["a"])
    if isinstance(join, Concat):
        assert without.joint[..., D : 2 * D].abs().max() == 0


def test_tokens_of_different_lengths_meet_in_another_fusion():
    steps = {"a": 6, "b": 4, "c": 1}
    fusion = AlignedTokens({m: alignment("conv", t, 4, D) for m, t in steps.items()}, Concat("abc"))
    given = tokens(**steps)
    fused = fusion(given)
    for m, x in given.items():
        torch.testing.assert_close(fused.streams[m], resample(x.mean(-1), 4, "linear"))
    assert fused.joint.shape == (4, B, 3 * D)


def test_every_token_is_aligned_as_if_it_were_alone():
    """But for the statistics of the BatchNorm, which are fixed here."""
    module, x = ConvAlignment(6, 4, D).eval(), torch.rand(6, B, D, 5)
    torch.nn.init.constant_(module.mix, 0.7)
    each = torch.stack([module(token) for token in x.unbind(-1)], dim=-1)
    torch.testing.assert_close(module(x), each)


def test_streams_are_wide_under_autocast():
    fusion = TimeAligned({"a": alignment("conv", 6, 4, D)}, Concat("a"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert fusion(tokens(a=6)).streams["a"].dtype == torch.float32


def test_one_step_of_one_sample_passes_the_convolution_as_it_is():
    module, stream = ConvAlignment(1, 1, 4).train(), torch.randn(1, 1, 4)
    assert torch.equal(module(stream), stream)


def test_only_what_is_learned_is_saved():
    assert not Interpolation(6, 4).state_dict()
    assert {name for name, _ in ConvAlignment(6, 4, 8).named_parameters()} == {"matrix", "mix"}


def test_aligned_tokens_pass_on_what_any_fusion_has_for_one_modality_alone():
    class OfOne(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = per_modality({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})

        def modules_of(self, modality):
            return [self.own[modality]]

    alignments = {"a": Interpolation(6, 4), "b": Interpolation(2, 4)}
    fusion = OfOne()
    assert AlignedTokens(alignments, fusion).modules_of("b") == [alignments["b"], fusion.own["b"]]
    assert AlignedTokens(alignments, Concat("ab")).modules_of("b") == [alignments["b"]]
