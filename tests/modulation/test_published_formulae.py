"""Every balance on one batch against its published formula, written as a slow loop over samples.

The network is late fusion by concatenation: out_m is modality m's slice of the head and half of the bias.
"""

from __future__ import annotations

from math import exp, log, tanh

import pytest
import torch
from begun import begun
from torch import nn

from colliculus.modulation import (
    AGM,
    IEMF,
    LFM,
    OGMGE,
    OPM,
    PMR,
    AGMSettings,
    GBlending,
    GBlendingSettings,
    IEMFSettings,
    LFMSettings,
    MMPareto,
    MMParetoSettings,
    OGMGESettings,
    OPMSettings,
    PMRSettings,
    Validation,
)
from colliculus.modulation.ogm_ge import shared_generator
from colliculus.runtime import Runtime
from colliculus.types import Output

CPU = torch.device("cpu")
NAMES = ("audio", "visual")


@pytest.fixture
def lab(make_lab):
    return made(make_lab, unimodal_loss=0.0)


@pytest.fixture
def lab_with_heads(make_lab):
    return made(make_lab, unimodal_loss=1.0)


def made(make_lab, unimodal_loss):
    found = make_lab(2, fusion="concat", label_smoothing=0.0, unimodal_loss=unimodal_loss)
    head = found.model.head if not unimodal_loss else found.model.head.joint
    with torch.no_grad():
        for module in (head.linear, *(found.model.head.own.values() if unimodal_loss else ())):
            module.weight.mul_(30)  # so that the modalities differ
            module.bias.normal_(generator=torch.Generator().manual_seed(0))
        head.linear.weight[:, : found.method.dim] += 0.5 * torch.eye(3, found.method.dim)
    return found


def features(output):
    """z_m, (B, D): mean over time of the modality's stream, by a loop, after a check that it spikes."""
    found = {}
    for m, stream in output.streams.items():
        assert stream.max() > 0, "silent"
        found[m] = sum(stream[t] for t in range(len(stream))) / len(stream)
    return found


def slices(lab, output):
    """out_m, (B, K), of the joint head."""
    linear = getattr(lab.model.head, "joint", lab.model.head).linear
    dim, z = lab.method.dim, features(output)
    weights = {m: linear.weight[:, i * dim : (i + 1) * dim] for i, m in enumerate(NAMES)}
    return {m: torch.stack([weights[m] @ row + linear.bias / 2 for row in z[m]]) for m in NAMES}


def softmax(row):
    top = max(row.tolist())
    parts = [exp(x - top) for x in row.tolist()]
    return [part / sum(parts) for part in parts]


def score(logits, labels):
    return sum(softmax(row)[y] for row, y in zip(logits, labels.tolist(), strict=True))


def cross_entropy(logits, labels):
    """Mean over the batch, differentiable, by a loop."""
    return sum(row.logsumexp(0) - row[y] for row, y in zip(logits, labels.tolist(), strict=True)) / len(labels)


def grads(loss, model):
    """Gradient of each parameter by name, zeros where nothing reaches."""
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, [*named.values()], retain_graph=True, allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(named.items(), found, strict=True)}


def agree(lab, expected, **tolerance):
    found = lab.gradients()
    assert any(g.abs().max() > 1e-4 for n, g in found.items() if n.startswith("encoders"))
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], **{"rtol": 2e-4, "atol": 1e-6, **tolerance}, msg=name)


def stream_of(name):
    """The modality that a parameter of an encoder or of a stream's MLP belongs to, if any."""
    return name.split(".")[1 if name.startswith("encoders") else 2] if name.startswith(("encoders", "fusion.m")) else ""


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


def shortest(f, u):
    """The a in [0, 1] at which ||a f + (1 - a) u|| is smallest, by dividing the interval into three again and again."""
    low, high = 0.0, 1.0
    for _ in range(60):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        lengths = [(x * f + (1 - x) * u).norm().item() for x in (a, b)]
        low, high = (low, b) if lengths[0] < lengths[1] else (a, high)
    return (low + high) / 2


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
