from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import sqrt

import pytest
import torch
from active import assert_active, awake
from torch import nn

from colliculus.fusion import CrossModalResidual, CrossModalSettings, Sum
from colliculus.fusion.feeding import SameSize, capped, rms
from colliculus.neurons import NeuronSettings

T, B, D, N = 2, 3, 8, 4
FED = CrossModalSettings(dropout=0.0, scaled=True, capped=True)


def drawn(seed, scale=1.0):
    return scale * torch.rand(T, B, D, N, generator=torch.Generator().manual_seed(seed))


def slow_rms(x):
    values = x.flatten().tolist()
    return sqrt(sum(value**2 for value in values) / len(values))


def test_rms_is_that_of_a_slow_loop_and_does_not_overflow() -> None:
    assert rms(drawn(0)).item() == pytest.approx(slow_rms(drawn(0)), rel=1e-6)
    assert rms(torch.full((3,), 300.0, dtype=torch.float16)).item() == 300  # whose square is no float16
    assert rms(drawn(0).double()).dtype == torch.float64


def test_the_residual_gets_the_size_of_the_tokens_and_evaluation_the_running_ratio() -> None:
    scale, running = SameSize(momentum=0.25), None
    for batch, size in enumerate((3.0, 0.2, 5.0)):
        residual, tokens = drawn(batch), drawn(10 + batch, size)
        ratio = slow_rms(tokens) / slow_rms(residual)
        found = scale(residual, tokens)
        torch.testing.assert_close(found, ratio * residual)
        assert slow_rms(found) == pytest.approx(slow_rms(tokens), rel=1e-5)
        running = ratio if running is None else 0.75 * running + 0.25 * ratio
    scale.eval()
    before = {name: x.clone() for name, x in scale.state_dict().items()}
    torch.testing.assert_close(scale(drawn(20), drawn(21, 100.0)), running * drawn(20))
    assert all(torch.equal(x, before[name]) for name, x in scale.state_dict().items())
    assert set(before) == {"ratio", "seen"}  # they are saved with the weights


def test_a_silent_residual_stays_silent_and_says_nothing_about_the_ratio() -> None:
    silent, scale = torch.zeros(T, B, D, N), SameSize()
    assert scale(silent, drawn(0)).count_nonzero() == 0
    first = slow_rms(drawn(2)) / slow_rms(drawn(1))
    scale(drawn(1), drawn(2))
    assert scale.ratio.item() == pytest.approx(first, rel=1e-5)  # the first that could be measured
    assert scale(silent, drawn(3)).count_nonzero() == 0
    assert scale.ratio.item() == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_ratio_is_a_constant_for_the_gradient(training) -> None:
    scale, residual, tokens = SameSize(), drawn(0).requires_grad_(), drawn(1, 4.0).requires_grad_()
    scale(residual, tokens)
    scale.train(training)(residual, tokens).sum().backward()
    ratio = slow_rms(tokens) / slow_rms(residual)
    torch.testing.assert_close(residual.grad, torch.full_like(residual, ratio))
    assert tokens.grad is None


@pytest.mark.parametrize("strength", [0.1, 1.0, 30.0])
def test_the_other_gradient_is_at_most_as_long_as_that_of_the_task(strength) -> None:
    g, h = drawn(0), strength * drawn(1)
    x = drawn(2).requires_grad_()
    task, other = capped(x)
    assert torch.equal(task, x)
    assert torch.equal(other, x)
    ((g * task).sum() + (h * other).sum()).backward()
    lengths = [sqrt(sum(value**2 for value in gradient.flatten().tolist())) for gradient in (g, h)]
    torch.testing.assert_close(x.grad, g + min(1.0, lengths[0] / lengths[1]) * h)
    pulled = x.grad - g
    assert pulled.norm() <= lengths[0] * (1 + 1e-5)
    assert pulled.norm().item() == pytest.approx(min(lengths), rel=1e-5)


def test_a_single_gradient_passes_as_it_is() -> None:
    """Losses differentiated one by one, as the diagnostics do, are not capped: their sum is not the joint gradient."""
    g, h, x = drawn(0), 30 * drawn(1), drawn(2).requires_grad_()
    task, other = capped(x)
    (of_task,) = torch.autograd.grad((g * task).sum(), x, retain_graph=True)
    (of_other,) = torch.autograd.grad((h * other).sum(), x, retain_graph=True)
    (of_both,) = torch.autograd.grad((g * task).sum() + (h * other).sum(), x)
    assert torch.equal(of_task, g)
    assert torch.equal(of_other, h)
    assert not torch.allclose(of_both, of_task + of_other)


def test_a_task_without_gradient_stops_the_other() -> None:
    x = drawn(0).requires_grad_()
    task, other = capped(x)
    ((0 * task).sum() + other.sum()).backward()
    assert x.grad.count_nonzero() == 0


def exchange(settings, *, alignment=True, alpha=0.5, modalities=("a", "b")):
    torch.manual_seed(0)
    return CrossModalResidual(
        dict.fromkeys(modalities, (2, 2)),
        dim=D,
        heads=2,
        alpha=alpha,
        branches="spatiotemporal",
        alignment=alignment,
        join=Sum(),
        neuron=NeuronSettings(),
        settings=settings,
    )


def tokens_of(*modalities, batch=6):
    generator = torch.Generator().manual_seed(0)
    return {m: torch.randint(0, 3, (T, batch, D, N), generator=generator).float() for m in modalities}


@pytest.mark.parametrize("modalities", [("a", "b"), ("a", "b", "c")], ids=len)
def test_alpha_is_the_size_of_a_scaled_residual_relative_to_the_tokens(modalities) -> None:
    given = tokens_of(*modalities)
    fusion = awake(exchange(FED, alpha=0.3, modalities=modalities), given)
    fusion.train()
    seen = {}
    for m in modalities:
        fusion.mlp[m].register_forward_pre_hook(lambda _module, inputs, m=m: seen.__setitem__(m, inputs[0]))
    fused = fusion(given)
    assert_active(*fused.residual.values())
    for m, x in given.items():
        assert slow_rms(seen[m] - x) == pytest.approx(0.3 * slow_rms(x), rel=1e-4)


def test_the_residual_that_the_alignment_sees_is_not_scaled() -> None:
    given = tokens_of("a", "b")
    plain = awake(exchange(replace(FED, scaled=False)), given)
    scaled = exchange(FED)
    scaled.load_state_dict(plain.state_dict(), strict=False)
    for m in scaled.scale:
        scaled.scale[m].ratio.fill_(7.0)
    one, other = plain(given), scaled.eval()(given)
    assert_active(*one.residual.values())
    assert {m: r.tolist() for m, r in one.residual.items()} == {m: r.tolist() for m, r in other.residual.items()}
    assert not torch.equal(one.joint, other.joint)


@pytest.mark.parametrize("strength", [1e-4, 1e3])
def test_the_alignment_pulls_at_the_exchange_at_most_as_hard_as_the_task(strength) -> None:
    """At each residual: g + min(1, |g| / |h|) h, where g and h are the gradients of task and alignment alone."""
    given = tokens_of("a", "b")

    def gradients(settings, *, task, alignment):
        fusion = awake(exchange(settings), given)
        residuals = {}

        def keep(m, out):
            out.retain_grad()
            residuals[m] = out

        for m in given:
            fusion.semantic[m].register_forward_hook(lambda _module, _inputs, out, m=m: keep(m, out))
        fused = fusion(given)
        weights = torch.randn(fused.joint.shape, generator=torch.Generator().manual_seed(1))
        one, other = fused.residual.values()
        loss = task * (fused.joint * weights).sum() + alignment * (one * other.roll(1, dims=1)).sum()
        loss.backward()
        return {m: residual.grad for m, residual in residuals.items()}

    uncapped = replace(FED, capped=False)
    of_task = gradients(uncapped, task=1.0, alignment=0.0)
    of_alignment = gradients(uncapped, task=0.0, alignment=strength)
    assert_active(*of_task.values(), *of_alignment.values())
    found = gradients(FED, task=1.0, alignment=strength)
    for m in given:
        g, h = of_task[m], of_alignment[m]
        factor = min(1.0, (g.norm() / h.norm()).item())
        assert (factor < 1) == (strength > 1)
        torch.testing.assert_close(found[m], g + factor * h, rtol=1e-4, atol=1e-7)


def test_without_either_the_exchange_is_the_published_one() -> None:
    given = tokens_of("a", "b")
    plain = awake(exchange(CrossModalSettings(dropout=0.0)), given)
    assert not len(plain.scale)
    capped_only = exchange(replace(FED, scaled=False))
    capped_only.load_state_dict(plain.state_dict())
    assert torch.equal(capped_only.eval()(given).joint, plain(given).joint)


def test_the_ratios_are_of_each_modality_alone() -> None:
    fusion = exchange(FED, modalities=("a", "b", "c"))
    given = {m: (i + 1) * x for i, (m, x) in enumerate(tokens_of("a", "b", "c").items())}
    fusion.train()(given)
    ratios = [fusion.scale[m].ratio.item() for m in given]
    assert all(abs(one - other) > 1e-3 for one, other in combinations(ratios, 2))
    assert all(isinstance(scale, nn.Module) for scale in fusion.scale.values())
