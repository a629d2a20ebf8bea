"""LFM, G-Blending and OPM on one batch against their published formulae, each written as a slow loop over samples."""

from __future__ import annotations

from math import tanh

import pytest
import torch
from begun import begun
from slow_loops import CPU, NAMES, agree, cross_entropy, grads, made, score, slices
from torch import nn

from colliculus.modulation import (
    LFM,
    OPM,
    GBlending,
    GBlendingSettings,
    LFMSettings,
    OPMSettings,
    Validation,
)
from colliculus.runtime import Runtime
from colliculus.types import Output


@pytest.fixture
def lab(make_lab):
    return made(make_lab, unimodal_loss=0.0)


@pytest.fixture
def lab_with_heads(make_lab):
    return made(make_lab, unimodal_loss=1.0)


@pytest.mark.parametrize("kind", ["program", "jensen-shannon"])
def test_lfm(lab_with_heads, kind):
    lab = lab_with_heads
    output, labels = lab.model(lab.batch.inputs), lab.batch.labels
    own = {m: x.mean(0) for m, x in output.modality_logits.items()}
    gap = torch.zeros(())
    for i in range(len(labels)):
        p, q = (torch.softmax(own[m][i], 0) for m in NAMES)
        for k in range(3):
            mean = (p[k] + q[k]) / 2
            for one in (p[k], q[k]):
                top, bottom = (mean, one) if kind == "program" else (one, mean)
                gap = gap + 0.5 * top * torch.log(top / bottom) / len(labels)
    task = cross_entropy(sum(slices(lab, output).values()), labels)
    task = task + sum(cross_entropy(x, labels) for x in own.values())
    expected = grads(2 * (0.7 * task + 0.3 * gap), lab.model)
    lab.backward(begun(LFM(LFMSettings(weight=0.3, rate=0.0, divergence=kind))))
    agree(lab, expected)


class Smooth(nn.Module):
    """A network without spikes, for finite differences."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.maps = nn.ModuleDict({m: nn.Linear(4, 3).double() for m in NAMES})

    def forward(self, inputs):
        parts = {m: (2 * self.maps[m](torch.tanh(x)))[None] for m, x in inputs.items()}
        steps = parts["audio"] + parts["visual"]
        return Output(steps.mean(0), steps, parts)


def test_the_weight_of_lfm_grows_by_the_derivative_of_the_unseen_loss():
    """By finite differences: h of a gradient step with the seen half, then the loss of the other half."""
    torch.manual_seed(1)
    inputs = {m: torch.randn(8, 4, dtype=torch.float64) for m in NAMES}
    labels, model, h, small = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]), Smooth(), 1e-5, 1e-2
    start = {name: value.clone() for name, value in model.state_dict().items()}

    def unseen_loss(a):
        model.load_state_dict(start)
        output = model({m: x[:4] for m, x in inputs.items()})
        p, q = (output.evidence[m][0].softmax(1) for m in NAMES)
        mean = (p + q) / 2
        gap = ((mean * (mean / p).log()).sum() + (mean * (mean / q).log()).sum()) / 2 / 4
        loss = 2 * ((1 - a) * cross_entropy(output.logits, labels[:4]) + a * gap)
        with torch.no_grad():
            for parameter, g in zip(model.parameters(), torch.autograd.grad(loss, [*model.parameters()]), strict=True):
                parameter.sub_(h * g)
        return cross_entropy(model({m: x[4:] for m, x in inputs.items()}).logits, labels[4:]).item()

    derivative = (unseen_loss(0.3 + small) - unseen_loss(0.3 - small)) / (2 * small)
    assert abs(derivative / h) > 1e-3
    model.load_state_dict(start)
    runtime = Runtime(device=CPU)
    for epoch, rate in ((0, 0.1), (20, 0.05), (40, 0.025)):
        modulator = begun(LFM(LFMSettings(weight=0.3, rate=0.1)), epoch, epochs=50)
        for _ in range(2):  # once an epoch
            found = modulator.before_backward(model, model(inputs), labels, lambda *_: {}, runtime)
        grown = found.report["alignment_weight"] - 0.3
        assert grown == pytest.approx(-rate * derivative / (2 * h), rel=1e-3)


def test_g_blending(lab_with_heads):
    """Weights from losses by hand, then the gradient of the weighted sum."""
    lab = lab_with_heads
    modulator, labels = GBlending(GBlendingSettings(super_epoch=2)), lab.batch.labels
    heads, first, last = ("", *NAMES), {}, {}
    validation = [{"": 2.0, "audio": 1.8, "visual": 1.5}, {"": 1.5, "audio": 1.2, "visual": 1.6}]
    for epoch, at in enumerate((first, last)):
        begun(modulator, epoch)
        lab.batch.inputs["visual"] += epoch
        output = lab.model(lab.batch.inputs)
        logits = {"": sum(slices(lab, output).values())} | {m: output.modality_logits[m].mean(0) for m in NAMES}
        for name in heads:
            at[name] = (cross_entropy(logits[name], labels).item(), validation[epoch][name])
        report = lab.backward(modulator)
        assert set(report.values()) == {1.0}
        modulator.end_epoch(Validation(loss=validation[epoch]))
    raw = {}
    for name in heads:
        gain = max(first[name][1] - last[name][1], 0)
        overfitted = (last[name][1] - last[name][0]) - (first[name][1] - first[name][0])
        raw[name] = gain / overfitted**2
    weights = {name: 3 * value / sum(raw.values()) for name, value in raw.items()}
    assert weights["visual"] == 0 < weights["audio"] != pytest.approx(weights[""], rel=0.1)
    loss = sum(weights[name] * cross_entropy(x, labels) for name, x in logits.items())
    expected = grads(loss, lab.model)
    report = lab.backward(begun(modulator, 2))
    named = {f"weight_{name or 'fused'}": w for name, w in weights.items()}
    assert report == pytest.approx(named, rel=1e-4)
    agree(lab, expected)


def test_opm(lab):
    labels, output = lab.batch.labels, lab.model(lab.batch.inputs)
    out = slices(lab, output)
    s = {m: score(x, labels) for m, x in out.items()}
    slower, faster = sorted(NAMES, key=s.get)
    q = 0.5 * (1 + 0.5 * tanh(s[faster] / s[slower] - 1))
    assert q > 0.51
    modulator = begun(OPM(OPMSettings(execution=1.0)))
    torch.manual_seed(5)
    drawn = {m: torch.rand(len(labels)).tolist() for m in NAMES}
    kept = {slower: [1.0] * len(labels), faster: [float(x >= q) for x in drawn[faster]]}
    assert 0 < sum(kept[faster]) < len(labels)
    rows = [sum(kept[m][i] * out[m][i] for m in NAMES) / (1 - q / 2) for i in range(len(labels))]
    expected = grads(cross_entropy(torch.stack(rows), labels), lab.model)
    torch.manual_seed(5)
    report = lab.backward(modulator)
    assert report == pytest.approx({f"drop_{faster}": q, f"drop_{slower}": 0.0}, rel=1e-4)
    agree(lab, expected)
