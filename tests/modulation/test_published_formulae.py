"""OGM-GE, AGM, PMR, IEMF and MMPareto on one batch, each against its published formula as a slow loop over samples.

The network is late fusion by concatenation: out_m is modality m's slice of the head and half of the bias.
"""

from __future__ import annotations

from math import exp, log, tanh

import pytest
import torch
from begun import begun
from slow_loops import (
    CPU,
    NAMES,
    agree,
    cross_entropy,
    features,
    grads,
    made,
    score,
    shortest,
    slices,
    softmax,
    stream_of,
)

from colliculus.modulation import (
    AGM,
    IEMF,
    LFM,
    OGMGE,
    PMR,
    AGMSettings,
    Balance,
    IEMFSettings,
    LFMSettings,
    MMPareto,
    MMParetoSettings,
    OGMGESettings,
    PMRSettings,
    Validation,
)
from colliculus.modulation.ogm_ge import shared_generator


@pytest.fixture
def lab(make_lab):
    return made(make_lab, unimodal_loss=0.0)


@pytest.fixture
def lab_with_heads(make_lab):
    return made(make_lab, unimodal_loss=1.0)


@pytest.mark.parametrize("enhancement", [False, True])
def test_ogm_ge(lab, enhancement):
    plain, labels = lab.plain_gradients(), lab.batch.labels
    s = {m: score(x, labels) for m, x in slices(lab, lab.model(lab.batch.inputs)).items()}
    rho = {"audio": s["audio"] / s["visual"], "visual": s["visual"] / s["audio"]}
    k = {m: 1 - tanh(0.8 * r) if r > 1 else 1.0 for m, r in rho.items()}
    assert min(k.values()) < 0.9
    noise, expected = shared_generator(0, 0, CPU), dict(plain)
    for m in NAMES:
        for name, g in plain.items():
            if stream_of(name) == m and g.ndim >= 2:
                values = g.flatten().tolist()
                mean = sum(values) / len(values)
                std = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
                drawn = torch.randn(g.shape, generator=noise)
                expected[name] = k[m] * g + (std + 1e-8) * drawn * enhancement
    lab.backward(begun(OGMGE(OGMGESettings(alpha=0.8, enhancement=enhancement))))
    agree(lab, expected)


def test_agm(lab):
    """Shapley: out_a = (F(a, v) - F(0, v) + F(a, 0)) / 2, with F the head on features of which some are zero."""
    modulator, labels, costs, coefficients = begun(AGM(AGMSettings(alpha=1.0))), lab.batch.labels, [], {}
    for step in range(2):
        lab.batch.inputs["audio"] += step  # another batch
        output = lab.model(lab.batch.inputs)
        z, linear, dim = features(output), lab.model.head.linear, lab.method.dim
        nothing = torch.zeros(len(labels), dim)

        def run(audio, visual, linear=linear):
            return torch.cat([audio, visual], dim=1) @ linear.weight.T + linear.bias

        both, a, v = run(z["audio"], z["visual"]), run(z["audio"], nothing), run(nothing, z["visual"])
        out = {"audio": (both - v + a) / 2, "visual": (both - a + v) / 2}
        rows = {m: [-log(max(softmax(r)[y], 1e-8)) for r, y in zip(out[m], labels.tolist(), strict=True)] for m in out}
        c = {m: sum(x) / len(x) for m, x in rows.items()}
        usual = {m: sum(past[m] for past in costs) / max(len(costs), 1) for m in NAMES}
        for m, other in (NAMES, NAMES[::-1]):
            r, tau = exp(c[other] - c[m]), exp(usual[other] - usual[m])
            coefficients[m] = exp(min(tau - r, 10))
        costs.append(c)
        through = torch.stack(
            [torch.tensor(softmax(row)) - torch.eye(3)[y] for row, y in zip(both, labels.tolist(), strict=True)]
        )
        shares = {m: (out[m] * through).sum() / len(labels) for m in NAMES}
        through_out = {m: grads(share, lab.model) for m, share in shares.items()}
        lab.backward(modulator)
    assert coefficients["audio"] != pytest.approx(coefficients["visual"], rel=1e-2)
    linear = {"audio": slice(0, lab.method.dim), "visual": slice(lab.method.dim, None)}
    for name, gradient in lab.gradients().items():
        if m := stream_of(name):
            plain = through_out["audio"][name] + through_out["visual"][name]
            torch.testing.assert_close(gradient, coefficients[m] * plain, rtol=1e-3, atol=1e-6, msg=name)
        elif name == "head.linear.weight":
            for m, part in linear.items():
                plain = (through_out["audio"][name] + through_out["visual"][name])[:, part]
                torch.testing.assert_close(gradient[:, part], coefficients[m] * plain, rtol=1e-3, atol=1e-6)


def test_agm_scales_all_gradients_where_one_of_the_head_is_large(lab):
    plain = lab.plain_gradients()
    largest = max(abs(x) for x in plain["head.linear.weight"].flatten().tolist())
    norm = sum(x * x for g in plain.values() for x in g.flatten().tolist()) ** 0.5
    still = {"last_epoch": 1}  # clipping is of every epoch
    for limit, factor in ((largest * 1.01, 1.0), (largest * 0.99, largest * 0.99 / norm), (None, 1.0)):
        lab.backward(begun(AGM(AGMSettings(clip_norm=limit, **still)), epoch=1))
        agree(lab, {name: factor * g for name, g in plain.items()})


@pytest.mark.parametrize("weights", ["program", "paper"])
def test_pmr(lab, weights):
    modulator, labels = begun(PMR(PMRSettings(weights=weights, alpha=1.5, temperature=0.5))), lab.batch.labels
    lab.backward(modulator)
    z = features(lab.model(lab.batch.inputs))
    prototypes = {
        m: [sum(row for row, y in zip(x, labels.tolist(), strict=True) if y == k) / 2 for k in range(3)]
        for m, x in z.items()
    }
    modulator.end_epoch(Validation())
    lab.batch.inputs["visual"] += 2.0
    output = lab.model(lab.batch.inputs)
    distances = {}
    for m, x in features(output).items():
        rows = [[-((row - p.detach()).square().sum().sqrt()) / 0.5 for p in prototypes[m]] for row in x]
        distances[m] = torch.stack([torch.stack(row) for row in rows])
    s = {m: score(x, labels) for m, x in distances.items()}
    slower, faster = sorted(NAMES, key=s.get)
    assert s[slower] < s[faster]
    weight = 1.0 if weights == "program" else min(s[faster] / s[slower] - 1, 1.0)
    loss = cross_entropy(sum(slices(lab, output).values()), labels)
    loss = loss + 1.5 * weight * cross_entropy(distances[slower], labels)
    expected = grads(loss, lab.model)
    report = lab.backward(modulator)
    assert report[f"weight_{slower}"] == pytest.approx(weight, rel=1e-4)
    assert report[f"weight_{faster}"] == 0
    agree(lab, expected)


@pytest.mark.parametrize("noise", [False, True])
def test_iemf(lab_with_heads, noise):
    lab = lab_with_heads
    plain, labels = lab.plain_gradients(), lab.batch.labels
    output = lab.model(lab.batch.inputs)
    own = [score(output.modality_logits[m].mean(0), labels) for m in NAMES]
    factor = 1 + tanh(1 - (own[0] + own[1]) / 2 / score(sum(slices(lab, output).values()), labels))
    assert abs(factor - 1) > 0.01
    drawn, expected = shared_generator(0, 2, CPU), dict(plain)
    for name in ("head.joint.linear.weight", "head.joint.linear.bias"):  # what learns from both
        g = plain[name]
        std = g.std(correction=0)
        expected[name] = factor * g + noise * (std + 1e-8) * torch.randn(g.shape, generator=drawn)
    lab.backward(begun(IEMF(IEMFSettings(noise=noise, first_epoch=3)), epoch=2))
    agree(lab, expected)
    lab.backward(begun(IEMF(IEMFSettings(noise=noise, first_epoch=3)), epoch=1))
    agree(lab, plain)


@pytest.mark.parametrize("noise", [False, True])
def test_ogm_ge_with_iemf(lab_with_heads, noise):
    """The encoders as OGM-GE scales them, the joint head as IEMF does, with random numbers of their own."""
    lab, settings = lab_with_heads, {"last_epoch": None, "alpha": 0.8, "enhancement": noise}
    plain, labels = lab.plain_gradients(), lab.batch.labels
    output = lab.model(lab.batch.inputs)
    s = {m: score(x, labels) for m, x in slices(lab, output).items()}
    rho = {"audio": s["audio"] / s["visual"], "visual": s["visual"] / s["audio"]}
    k = {m: 1 - tanh(0.8 * r) if r > 1 else 1.0 for m, r in rho.items()}
    own = [score(output.modality_logits[m].mean(0), labels) for m in NAMES]
    c = 1 + tanh(1 - (own[0] + own[1]) / 2 / score(sum(slices(lab, output).values()), labels))
    assert min(*k.values(), 1 - abs(c - 1)) < 0.95
    expected = dict(plain)
    of_encoders, of_fusion = shared_generator(0, 2, CPU), shared_generator(1, 2, CPU)
    for m in NAMES:
        for name, g in plain.items():
            if stream_of(name) == m and g.ndim >= 2:
                drawn = torch.randn(g.shape, generator=of_encoders)
                expected[name] = k[m] * g + noise * (g.std(correction=0) + 1e-8) * drawn
    for name in ("head.joint.linear.weight", "head.joint.linear.bias"):
        g = plain[name]
        expected[name] = c * g + noise * (g.std(correction=0) + 1e-8) * torch.randn(g.shape, generator=of_fusion)
    both = Balance(
        kind="ogm-ge", with_iemf=True, ogm_ge=OGMGESettings(**settings), iemf=IEMFSettings(noise=noise, first_epoch=3)
    )
    report = lab.backward(begun(both.modulator(), epoch=2))
    assert report == pytest.approx({"coefficient_fusion": c, **{f"coefficient_{m}": k[m] for m in NAMES}}, rel=1e-4)
    agree(lab, expected)
    lab.backward(begun(both.modulator(), epoch=1))
    assert torch.equal(lab.gradients()["head.joint.linear.weight"], plain["head.joint.linear.weight"])


def test_lfm_with_iemf(lab_with_heads):
    """The gradients of LFM's losses, and those of the joint head times IEMF's factor."""
    lab, settings = lab_with_heads, LFMSettings(weight=0.5, rate=0.0)
    lab.backward(begun(LFM(settings)))
    aligned, labels = {name: g.clone() for name, g in lab.gradients().items()}, lab.batch.labels
    output = lab.model(lab.batch.inputs)
    own = [score(output.modality_logits[m].mean(0), labels) for m in NAMES]
    c = 1 + tanh(1 - (own[0] + own[1]) / 2 / score(sum(slices(lab, output).values()), labels))
    assert abs(c - 1) > 0.01
    report = lab.backward(begun(Balance(kind="lfm", with_iemf=True, lfm=settings).modulator()))
    assert report == pytest.approx({"alignment_weight": 0.5, "coefficient_fusion": c}, rel=1e-4)
    joint = ("head.joint.linear.weight", "head.joint.linear.bias")
    agree(lab, {name: (c if name in joint else 1.0) * g for name, g in aligned.items()})


@pytest.mark.parametrize("norm_of", ["encoder", "tensor"])
@pytest.mark.parametrize("conflict", [False, True])
def test_mm_pareto(lab_with_heads, norm_of, conflict):
    lab = lab_with_heads
    linear = lab.model.head.joint.linear
    with torch.no_grad():  # own heads that agree with the joint one, or say the opposite
        for i, m in enumerate(NAMES):
            part = linear.weight[:, i * lab.method.dim : (i + 1) * lab.method.dim]
            own = 0.3 * torch.randn(part.shape, generator=torch.Generator().manual_seed(i)) * part.std()
            lab.model.head.own[m].weight.copy_(own + (-0.5 if conflict else 0.5) * part)
    output, labels = lab.model(lab.batch.inputs), lab.batch.labels
    fused = grads(cross_entropy(sum(slices(lab, output).values()), labels), lab.model)
    expected = {}
    for m in NAMES:
        unimodal = grads(cross_entropy(output.modality_logits[m].mean(0), labels), lab.model)
        names = [name for name in fused if stream_of(name) == m]
        f = torch.cat([fused[n].flatten() for n in names]).double()
        u = torch.cat([unimodal[n].flatten() for n in names]).double()
        assert (sum(x * y for x, y in zip(f.tolist(), u.tolist(), strict=True)) < 0) is conflict
        a = shortest(f, u) if conflict else 0.5
        groups = [names] if norm_of == "encoder" else [[n] for n in names]
        for group in groups:
            length = sum((fused[n] + unimodal[n]).square().sum().item() for n in group) ** 0.5
            mixed = {n: 2 * a * fused[n] + 2 * (1 - a) * unimodal[n] for n in group}
            norm = sum(x.square().sum().item() for x in mixed.values()) ** 0.5
            factor = 1.5 * max(length / norm if norm else 1.0, 1.0)
            expected |= {n: factor * x for n, x in mixed.items()}
    lab.backward(MMPareto(MMParetoSettings(norm_of=norm_of)))
    for name, gradient in lab.gradients().items():
        if stream_of(name):
            allowed = 1e-3 * expected[name].abs().max().item() + 1e-6
            torch.testing.assert_close(gradient, expected[name], rtol=0, atol=allowed, msg=name)
