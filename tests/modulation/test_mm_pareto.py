from __future__ import annotations

import pytest
import torch

from colliculus.modulation import MMPareto, MMParetoSettings
from colliculus.modulation.mm_pareto import fused_share, pareto_gradient
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError

ALONE = Runtime(device=torch.device("cpu"))


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("fused", "unimodal", "share"),
    [
        ((1.0, 0.0), (1.0, 1.0), 0.5),  # no conflict
        ((1.0, 0.0), (0.0, 3.0), 0.5),  # at right angles
        ((1.0, 0.0), (-1.0, 1.0), 0.6),  # (-2, 1) (-1, 1) / 5
        ((1.0, 0.0), (-4.0, 0.0), 0.8),  # opposite: they cancel at 0.8 * 1 - 0.2 * 4
        ((1.0, 0.0), (0.0, 0.0), 0.5),  # nothing to conflict with
    ],
)
def test_the_share_by_hand(fused, unimodal, share):
    assert fused_share(vector(*fused), vector(*unimodal)) == pytest.approx(share)


def test_in_conflict_no_other_convex_combination_is_shorter():
    generator = torch.Generator().manual_seed(0)
    conflicts = 0
    for _ in range(50):
        f, u = (torch.randn(3, generator=generator, dtype=torch.float64) for _ in range(2))
        if f @ u >= 0:
            continue
        conflicts += 1
        found = fused_share(f, u)
        grid = [(a * f + (1 - a) * u).norm().item() for a in torch.linspace(0, 1, 501).tolist()]
        assert (found * f + (1 - found) * u).norm().item() <= min(grid) + 1e-12
    assert conflicts > 10


def test_the_direction_is_mixed_and_the_norm_that_of_the_sum():
    f, u = vector(1.0, 0.0), vector(-1.0, 1.0)  # mixed (0.2, 0.4), the sum has norm 1
    found = pareto_gradient(f, u, 0.6, factor=1.5)
    torch.testing.assert_close(found, 1.5 * vector(1.0, 2.0) / 5**0.5)
    torch.testing.assert_close(pareto_gradient(f, f, 0.5, factor=1.0), 2 * f)


def test_gradients_that_cancel_leave_nothing():
    assert pareto_gradient(vector(1.0, 0.0), vector(-4.0, 0.0), 0.8, factor=1.5).norm() < 6
    assert pareto_gradient(vector(0.0, 0.0), vector(0.0, 0.0), 0.5, factor=1.5).tolist() == [0.0, 0.0]


def test_encoders_get_the_combination_and_everything_else_the_sum(lab):
    losses = lab.method.objective()
    streams = {m: lab.model.stream_parameters(m) for m in lab.model.modalities}
    parts = {}
    for term in ("task", "unimodal"):
        loss = losses(lab.model(lab.batch.inputs), lab.batch.labels)[term]
        grads = {m: torch.autograd.grad(loss, stream, retain_graph=True) for m, stream in streams.items()}
        parts[term] = {m: torch.cat([g.flatten() for g in found]) for m, found in grads.items()}
    plain = lab.plain_gradients()
    report = lab.backward(MMPareto(MMParetoSettings(factor=1.5)))
    for m, stream in streams.items():
        f, u = parts["task"][m], parts["unimodal"][m]
        share = report[f"fused_share_{m}"]
        assert share == pytest.approx(fused_share(f, u), rel=1e-3)
        expected = share * f + (1 - share) * u
        expected *= 1.5 * (f + u).norm() / expected.norm()
        found = torch.cat([p.grad.flatten() for p in stream])
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
    for name, gradient in lab.gradients().items():
        if not name.startswith(("encoders", "fusion.mlp")):
            torch.testing.assert_close(gradient, plain[name], msg=name)


def test_only_its_own_head_reaches_an_encoder_whose_stream_meets_no_other(make_lab):
    lab = make_lab(2)
    output = lab.model(lab.batch.inputs)
    own = torch.nn.functional.cross_entropy(
        output.modality_logits["audio"].mean(0), lab.batch.labels, label_smoothing=lab.method.label_smoothing
    )
    stream = lab.model.stream_parameters("audio")
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(own, stream, retain_graph=True)])
    prepared = MMPareto(MMParetoSettings()).before_backward(
        lab.model, output, lab.batch.labels, lab.method.objective(), ALONE
    )
    torch.testing.assert_close(prepared.gradients["audio"], expected)


def test_without_unimodal_losses_it_is_refused(make_lab):
    with pytest.raises(ColliculusError, match=r"mm-pareto .* unimodal_loss"):
        make_lab(2, unimodal_loss=0.0).backward(MMPareto(MMParetoSettings()))


def test_settings_out_of_range_are_refused():
    assert MMParetoSettings(factor=0.5).factor == 0.5
    with pytest.raises(ColliculusError, match="mm-pareto"):
        MMParetoSettings(factor=0.0)


@pytest.mark.parametrize("unimodal", [(0.0, 2.0), (0.1, 1.0), (1e-6, 5.0)])
def test_without_conflict_both_weigh_alike(unimodal):
    assert fused_share(torch.tensor([0.1, 0.0]), torch.tensor(unimodal)) == 0.5


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_norm_is_that_of_the_sum_times_the_factor_at_any_scale(scale):
    fused, unimodal = scale * torch.tensor([2.0, 1.0]), scale * torch.tensor([-1.0, 0.5])
    got = pareto_gradient(fused, unimodal, share=0.25, factor=1.5)
    assert got.norm().item() == pytest.approx(1.5 * scale * 3.25**0.5, rel=1e-5)


def test_gradients_that_cancel_leave_none():
    got = pareto_gradient(torch.tensor([-3e9]), torch.tensor([1e9]), share=0.25, factor=1.5)
    assert got.tolist() == [0.0]


def test_a_parameter_that_nothing_reaches_keeps_no_gradient(make_lab):
    lab = make_lab(2)
    lab.model.encoders["audio"].spare = torch.nn.Parameter(torch.zeros(3))
    lab.backward(MMPareto(MMParetoSettings()))
    assert lab.model.encoders["audio"].spare.grad is None
    assert any(name.startswith("encoders.audio") for name in lab.gradients())
