from __future__ import annotations

from dataclasses import replace
from math import tanh

import pytest
import torch
from begun import begun

from colliculus.methods import LateFusion
from colliculus.modulation import IEMF, Balance, IEMFSettings, Validation
from colliculus.modulation.iemf import inverse_effectiveness
from colliculus.types import ColliculusError


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, 1.0), (0.5, 1.4621172), (2.0, 0.2384058)])
def test_the_coefficient_by_hand(ratio, expected):  # 1 + tanh(0.5), 1 + tanh(-1)
    assert inverse_effectiveness(ratio) == pytest.approx(expected)


def answering(output, own, fused):
    """The same output, but own heads and fused head give class 0 of 3 these probabilities."""

    def logits(p, like):
        return torch.zeros_like(like) + torch.tensor([p, (1 - p) / 2, (1 - p) / 2]).log()

    heads = {m: logits(p, x) + 0 * x for (m, x), p in zip(output.modality_logits.items(), own, strict=True)}
    return replace(output, logits=logits(fused, output.logits) + 0 * output.logits, modality_logits=heads)


def test_the_ratio_is_that_of_the_mean_unimodal_and_the_fused_score(make_lab):
    lab = make_lab(3)
    lab.batch.labels[:] = 0
    report = lab.backward(begun(IEMF(IEMFSettings())), lambda output: answering(output, own=(0.2, 0.3, 0.4), fused=0.6))
    assert report == pytest.approx({"coefficient_fusion": 1 + tanh(0.5)}, rel=1e-5)


@pytest.mark.parametrize("fusion", ["sum", "concat"])
def test_fusion_and_joint_head_are_scaled_and_nothing_else(make_lab, fusion):
    lab = make_lab(2, fusion=fusion)
    with torch.no_grad():
        lab.model.head.joint.linear.weight.mul_(20)
    plain = lab.plain_gradients()
    factor = lab.backward(begun(IEMF(IEMFSettings())))["coefficient_fusion"]
    assert factor != pytest.approx(1.0, abs=1e-3)
    for name, gradient in lab.gradients().items():
        scaled = name.startswith("head.joint")  # late fusion has nothing else that learns from both
        torch.testing.assert_close(gradient, (factor if scaled else 1.0) * plain[name], msg=name)


def test_without_own_heads_it_is_refused(make_lab):
    with pytest.raises(ColliculusError, match=r"iemf .* unimodal_loss"):
        make_lab(2, unimodal_loss=0.0).backward(begun(IEMF(IEMFSettings())))


def test_beside_another_balance_it_keeps_what_that_one_needs_and_remembers():
    balances = {kind: Balance(kind=kind, with_iemf=True).modulator() for kind in ("mslr", "lfm", "ogm-ge")}
    assert {kind: each.needs_validation for kind, each in balances.items()} == {
        "mslr": True,
        "lfm": False,
        "ogm-ge": False,
    }
    assert [kind for kind, each in balances.items() if each.differentiates] == ["lfm"]
    for _ in range(7):
        balances["mslr"].end_epoch(Validation({"audio": 0.5, "visual": 0.2}))
        balances["mslr"].end_epoch(Validation({"audio": 0.9, "visual": 0.2}))
    again = Balance(kind="mslr", with_iemf=True).modulator()
    again.restore(balances["mslr"].state())
    rates = begun(again, 14).learning_rates()
    assert rates == begun(balances["mslr"], 14).learning_rates()
    assert rates["audio"] != 1.0
    noisy = Balance(kind="ogm-ge", with_iemf=True, iemf=IEMFSettings(noise=True)).modulator()
    assert [remark.split()[0] for remark in noisy.remarks("adamw")] == ["`ogm_ge.enhancement`", "`iemf.noise`"]


@pytest.mark.parametrize("kind", ["none", "iemf", "scores"])
def test_it_is_added_only_to_another_balance(kind):
    with pytest.raises(ColliculusError, match=f'`with_iemf` adds iemf to .* `kind` is "{kind}"'):
        Balance(kind=kind, with_iemf=True)
    with pytest.raises(ColliculusError, match="own heads: set `unimodal_loss`"):
        LateFusion(balance=Balance(kind="ogm-ge", with_iemf=True))
