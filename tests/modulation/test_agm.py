from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest
import torch
from begun import begun

from colliculus.modulation import AGM, AGMSettings
from colliculus.modulation.agm import adaptive_coefficients, leads, with_scaled_shares
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError, Output

ALONE = Runtime(device=torch.device("cpu"))


def test_leads_by_hand():
    assert leads({"a": 1.0, "v": 1.6}) == pytest.approx({"a": exp(0.6), "v": exp(-0.6)})
    # M / (M - 1) = 1.5, the mean is 1
    assert leads({"a": 0.5, "v": 1.0, "t": 1.5}) == pytest.approx({"a": exp(0.75), "v": 1.0, "t": exp(-0.75)})
    assert leads({"a": 0.5}) == {"a": 1.0}


def test_coefficients_by_hand():
    found = adaptive_coefficients({"a": 1.0, "v": 1.6}, {"a": 1.0, "v": 1.2}, alpha=0.5)
    expected = {"a": exp(0.5 * (exp(0.2) - exp(0.6))), "v": exp(0.5 * (exp(-0.2) - exp(-0.6)))}
    assert found == pytest.approx(expected)
    assert found["a"] < 1 < found["v"]  # a is further ahead than usual


def test_the_difference_of_the_ratios_is_cut_at_ten():
    assert adaptive_coefficients({"a": 9.0, "v": 1.0}, {"a": 0.0, "v": 9.0}, alpha=0.1)["a"] == pytest.approx(exp(1))


def test_running_means_over_four_steps_by_hand(lab, said):
    modulator = begun(AGM(AGMSettings(alpha=1.0)))
    labels = torch.zeros(1, dtype=torch.int64)
    steps = [(0.5, 0.25), (0.8, 0.2), (0.5, 0.5), (0.6, 0.2)]

    def coefficients(a, v):
        output = said(audio=[a], visual=[v])
        prepared = modulator.before_backward(lab.model, output, labels, lambda *_: {}, ALONE)
        return prepared.report["coefficient_audio"]

    found = [coefficients(*step) for step in steps]
    # ratios r of a: exp(c_v - c_a) = p_a / p_v; tau is that of the mean costs of the steps before
    taus = [1.0, 2.0, exp((log(2) + log(4)) / 2), exp((log(2) + log(4) + log(1)) / 3)]
    ratios = [2.0, 4.0, 1.0, 3.0]
    assert found == pytest.approx([exp(tau - r) for tau, r in zip(taus, ratios, strict=True)], rel=1e-5)


def test_scaled_shares_keep_every_digit_and_scale_what_flows_back():
    generator = torch.Generator().manual_seed(0)
    a, v = (torch.randn(2, 3, 4, generator=generator, requires_grad=True) for _ in range(2))
    fused = a + v
    output = Output(fused.mean(0), fused, {"a": a, "v": v})
    scaled = with_scaled_shares(output, {"a": 0.25, "v": 3.0})
    assert torch.equal(scaled.logits, output.logits)
    assert torch.equal(scaled.step_logits, output.step_logits)
    for logits in ("logits", "step_logits"):
        plain = torch.autograd.grad(getattr(output, logits).square().sum(), [a, v], retain_graph=True)
        found = torch.autograd.grad(getattr(scaled, logits).square().sum(), [a, v], retain_graph=True)
        torch.testing.assert_close(found, (0.25 * plain[0], 3.0 * plain[1]))


def test_the_encoder_gets_its_modalitys_coefficient(make_lab):
    lab = make_lab(2, unimodal_loss=0.0)
    plain = lab.plain_gradients()
    report = lab.backward(begun(AGM(AGMSettings(alpha=2.0))))
    assert len({round(k, 6) for k in report.values()}) == 2
    for name, gradient in lab.gradients().items():
        if name.startswith("encoders"):
            torch.testing.assert_close(gradient, report[f"coefficient_{name.split('.')[1]}"] * plain[name], msg=name)


def test_for_streams_that_do_not_meet_the_share_is_shapleys(make_lab):
    lab = make_lab(2)
    lab.model.eval()
    with torch.no_grad():
        lab.model.head.joint.linear.bias.normal_()
        both = lab.model(lab.batch.inputs)
        audio, visual = (lab.model({m: lab.batch.inputs[m]}).logits for m in ("audio", "visual"))
    share = both.evidence["audio"].mean(0)
    torch.testing.assert_close(share, (both.logits - visual + audio) / 2, atol=1e-6, rtol=1e-5)


def test_identical_modalities_have_coefficient_one(lab):
    lab.make_identical()
    modulator = begun(AGM(AGMSettings()))
    for _ in range(3):
        assert list(lab.backward(modulator).values()) == pytest.approx([1.0] * len(lab.model.modalities), abs=1e-9)


def test_a_sample_without_any_probability_costs_no_more_than_the_least(lab, said):
    modulator = begun(AGM(AGMSettings(alpha=1.0)))
    output = said(audio=[0.5], visual=[0.0])
    modulator.before_backward(lab.model, output, torch.zeros(1, dtype=torch.int64), lambda *_: {}, ALONE)
    assert modulator.state()["means"] == pytest.approx({"audio": log(2), "visual": 8 * log(10)})


def test_outside_its_epochs_it_scales_nothing_and_its_means_grow(lab, said):
    modulator, labels = AGM(AGMSettings(first_epoch=2, last_epoch=3)), torch.zeros(1, dtype=torch.int64)
    acts = []
    for epoch, (a, v) in enumerate([(0.5, 0.25), (0.8, 0.2), (0.5, 0.5), (0.6, 0.2)]):
        begun(modulator, epoch)
        output = said(audio=[a], visual=[v])
        report = modulator.before_backward(lab.model, output, labels, lambda *_: {}, ALONE).report
        acts.append(set(report.values()) != {1.0})
        if epoch == 1:  # r is 4, and tau 2 from the epoch before, in which it did not act
            assert report["coefficient_audio"] == pytest.approx(exp(2 - 4), rel=1e-5)
    assert acts == [False, True, True, False]
    assert modulator.state()["steps"] == 4


def test_its_memory_goes_on(lab):
    first, second = begun(AGM(AGMSettings())), begun(AGM(AGMSettings()))
    lab.backward(first)
    second.restore(first.state())
    assert second.state() == first.state() != begun(AGM(AGMSettings())).state()
    assert lab.backward(first) == lab.backward(second)


def test_a_fusion_without_shares_is_refused(lab):
    with pytest.raises(ColliculusError, match=r"agm .* choose a fusion"):
        lab.backward(begun(AGM(AGMSettings())), lambda output: replace(output, evidence={}))


def test_settings_out_of_range_are_refused():
    with pytest.raises(ColliculusError, match="agm"):
        AGMSettings(alpha=0.0)
    with pytest.raises(ColliculusError, match="`clip_norm` of agm"):
        AGMSettings(clip_norm=0.0)


def test_a_strength_below_one_is_allowed_and_none_is_not():
    assert AGMSettings(alpha=0.5).alpha == 0.5
    with pytest.raises(ColliculusError, match="agm"):
        AGMSettings(alpha=0.0)
