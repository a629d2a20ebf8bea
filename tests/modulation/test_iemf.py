from __future__ import annotations

from dataclasses import replace
from math import tanh

import pytest
import torch
from begun import begun

from colliculus.modulation import IEMF, IEMFSettings
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
